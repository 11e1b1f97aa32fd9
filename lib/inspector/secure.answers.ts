import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { secure } from './http.js';

/** A guard that keeps nobody out: it stands first, so that the answers of all behind it are secured, refusals too. */
@Injectable()
export class SecureAnswers implements CanActivate {
  constructor(private readonly host: HttpAdapterHost) {}

  canActivate(context: ExecutionContext): boolean {
    const response: unknown = context.switchToHttp().getResponse();
    const { httpAdapter } = this.host;
    secure((name, value) => httpAdapter.setHeader(response, name, value));
    return true;
  }
}
