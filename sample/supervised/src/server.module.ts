import { Global, Module } from '@nestjs/common';

import { QuietServer } from './server.js';

/** Global: the clients of every module ask it for its URL. */
@Global()
@Module({ providers: [QuietServer], exports: [QuietServer] })
export class ServerModule {}
