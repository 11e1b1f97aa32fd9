import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  Frame,
  getClientToken,
  InjectClient,
  OnConnect,
  OnFrame,
  reply,
  WebSockexClient,
  WebSockexModule,
} from 'nestjs-websockex';
import type { ClientHandle, TextFrame } from 'nestjs-websockex';
import { firstValueFrom } from 'rxjs';

@WebSockexClient('ws://127.0.0.1:1')
class EchoClient {
  @OnConnect()
  hello() {
    return reply(Frame.text('hello'));
  }

  @OnFrame('text')
  text(frame: TextFrame): void {
    console.log(frame.data);
  }
}

@Injectable()
class Talker {
  constructor(@InjectClient(EchoClient) private readonly client: ClientHandle<EchoClient>) {}

  state() {
    return this.client.status;
  }

  async say(text: string): Promise<string> {
    await this.client.connected();
    await this.client.sendFrame(Frame.text(text));
    return (await firstValueFrom(this.client.frames$)).type;
  }
}

@Module({ imports: [WebSockexModule.forRoot({ clients: [EchoClient] })], providers: [Talker] })
class AppModule {}

export async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule);
  const handle = app.get<ClientHandle<EchoClient>>(getClientToken(EchoClient));
  await handle.connected();
  await app.get(Talker).say('x');
  await app.close();
}
