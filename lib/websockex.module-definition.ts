import { ConfigurableModuleBuilder } from '@nestjs/common';

import type {
  WebSockexModuleExtras,
  WebSockexModuleOptions,
} from './interfaces/module-options.interface.js';

/** `forRoot` and `forRootAsync`, less what the module adds to them. */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<WebSockexModuleOptions>({
    optionsInjectionToken: 'websockex:options',
  })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createWebSockexOptions')
    .setExtras<WebSockexModuleExtras>({ clients: [] })
    .build();
