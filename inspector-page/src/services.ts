import { createContext } from 'preact';
import { useContext } from 'preact/hooks';

import type { InspectorInfo } from '../../lib/inspector/inspector.protocol.js';
import type { Router } from './router.js';

/** What every page is given. */
export interface Services {
  readonly info: InspectorInfo;
  readonly router: Router;
  /** Tells those who cannot see; the last word within a moment. */
  readonly announce: (text: string) => void;
  /** Asks for `info` again: the application may be another one. */
  readonly refresh: () => void;
}

export const ServicesContext = createContext<Services | undefined>(undefined);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (services === undefined) throw new Error('There are no services outside of App');
  return services;
}
