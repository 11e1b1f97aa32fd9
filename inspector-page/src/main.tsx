import { render } from 'preact';

import { App } from './app.js';
import { Router } from './router.js';

const root = document.querySelector('#app');
if (root !== null) render(<App router={new Router()} />, root);
