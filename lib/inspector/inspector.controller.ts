import {
  Controller,
  Get,
  Inject,
  Post,
  Req,
  Res,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';

import type { RegisteredClient } from '../manager/registered.client.js';
import { TRANSITIONS } from '../runtime/client/client.transitions.js';
import { VERSION } from '../websockex.version.js';
import { readQuery, readWindow } from './client.query.js';
import { ClientRecords } from './client.records.js';
import { ClientViews } from './client.views.js';
import type { EventStream } from './event.stream.js';
import { FrameTails } from './frame.tails.js';
import {
  answer,
  answerJson,
  type HttpRequest,
  type HttpResponse,
  refuse,
  urlOf,
  whyForeign,
} from './http.js';
import { InspectorActions } from './inspector.actions.js';
import {
  type InspectorSettings,
  PATH,
  type WebSockexInspectorExtras,
} from './inspector.options.js';
import { InspectorPage } from './inspector.page.js';
import type { ClientState, InspectorInfo } from './inspector.protocol.js';
import { LiveStreams, type LiveView } from './live.streams.js';
import { SecureAnswers } from './secure.answers.js';
import { Supervision } from './supervision.view.js';
import { INSPECTOR_SETTINGS } from './inspector.tokens.js';

/**
 * The routes of the page. What they answer they write themselves: an interceptor of the application that puts all its
 * answers into an envelope must not change what the page reads.
 */
class InspectorRoutes {
  constructor(
    private readonly page: InspectorPage,
    private readonly views: ClientViews,
    private readonly supervision: Supervision,
    private readonly records: ClientRecords,
    private readonly streams: LiveStreams,
    private readonly tails: FrameTails,
    private readonly actions: InspectorActions,
    @Inject(INSPECTOR_SETTINGS) private readonly settings: InspectorSettings,
  ) {}

  @Get('api/info')
  info(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    const { mode, actions, tails } = this.settings;
    this.show(request, response, (): InspectorInfo => ({
      mode,
      actions,
      states: Object.keys(TRANSITIONS) as ClientState[],
      transitions: TRANSITIONS,
      limits: { payload: tails.payload, ring: tails.frames, tailLifetime: tails.lifetime },
      version: VERSION,
    }));
  }

  @Get('api/clients')
  clients(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    this.show(request, response, () => this.views.page(readQuery(urlOf(request).searchParams)));
  }

  @Get('api/clients/:id')
  async client(@Req() request: HttpRequest, @Res() response: HttpResponse): Promise<void> {
    const client = this.wanted(request, response);
    if (client === undefined) return;
    const state = await this.views.stateOf(client);
    answerJson(response, 200, this.views.client(client, state));
  }

  @Get('api/supervision')
  groups(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    this.show(request, response, () =>
      this.supervision.view(readWindow(urlOf(request).searchParams)),
    );
  }

  @Get('api/live/overview')
  liveOverview(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    let isFirst = true;
    this.follow(request, response, 'overview', () => {
      const overview = this.views.overview(isFirst);
      isFirst = false;
      return overview;
    });
  }

  @Get('api/live/clients')
  liveClients(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    const query = readQuery(urlOf(request).searchParams);
    this.follow(request, response, 'clients', () => this.views.page(query));
  }

  @Get('api/live/clients/:id')
  liveClient(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    const client = this.wanted(request, response);
    if (client === undefined) return;
    const { id } = this.records.of(client);
    const isKnown = (): boolean => this.records.find(id) === client;
    this.streams.open(response, () => new LiveClient(client, this.views, isKnown));
  }

  @Get('api/live/supervision')
  liveGroups(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    const window = readWindow(urlOf(request).searchParams);
    this.follow(request, response, 'supervision', () => this.supervision.view(window));
  }

  @Get('api/live/frames/:id')
  liveFrames(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    const client = this.wanted(request, response);
    if (client !== undefined) this.tails.follow(client, response);
  }

  @Post('api/clients/:id/actions/:name')
  async act(@Req() request: HttpRequest, @Res() response: HttpResponse): Promise<void> {
    const { id = '', name = '' } = request.params;
    const asked = await this.actions.ask(this.records.find(id), name, request);
    if (asked.result === undefined) refuse(response, asked.status, asked.message);
    else answerJson(response, asked.status, asked.result);
  }

  /**
   * Leads to the page, so that relative URLs in it lead below the path. With a slash at its end the path is the same for
   * Express; for Fastify see `slash.ts`.
   */
  @Get()
  enter(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    const { pathname } = urlOf(request);
    const last = pathname.slice(pathname.lastIndexOf('/') + 1);
    answer(response, 302, { Location: `./${last && `${last}/`}index.html` });
  }

  @Get('index.html')
  index(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    this.file('index.html', request, response);
  }

  @Get('assets/:name')
  asset(@Req() request: HttpRequest, @Res() response: HttpResponse): void {
    this.file(`assets/${request.params['name']}`, request, response);
  }

  private file(path: string, request: HttpRequest, response: HttpResponse): void {
    const file = this.page.find(path);
    if (file === undefined) return refuse(response, 404, 'there is no such file');
    const isKnown = request.headers['if-none-match'] === file.etag;
    answer(response, isKnown ? 304 : 200, file.headers, isKnown ? '' : file.body);
  }

  /** Shows something once. */
  private show(request: HttpRequest, response: HttpResponse, look: () => object): void {
    if (this.isOwn(request, response)) answerJson(response, 200, look());
  }

  /** Shows it at once, and again each second. */
  private follow(
    request: HttpRequest,
    response: HttpResponse,
    event: string,
    look: () => object,
  ): void {
    if (!this.isOwn(request, response)) return;
    const tell = (stream: EventStream): void => stream.send(event, JSON.stringify(look()));
    this.streams.open(response, () => ({ tell }));
  }

  /** The client that is asked for; else the answer has been given. */
  private wanted(request: HttpRequest, response: HttpResponse): RegisteredClient | undefined {
    if (!this.isOwn(request, response)) return undefined;
    const client = this.records.find(request.params['id'] ?? '');
    if (client === undefined) refuse(response, 404, 'there is no such client');
    return client;
  }

  /** Whether the page asks; else the answer has been given. */
  private isOwn(request: HttpRequest, response: HttpResponse): boolean {
    const foreign = whyForeign(request, this.settings);
    if (foreign !== undefined) refuse(response, 403, foreign);
    return foreign === undefined;
  }
}

/** One client, every second, until it is forgotten. What it says of its state is asked for without waiting for it. */
class LiveClient implements LiveView {
  #state: string | undefined;
  #isAsking = false;
  readonly #unwatch: (() => void) | undefined;

  constructor(
    private readonly client: RegisteredClient,
    private readonly views: ClientViews,
    private readonly isKnown: () => boolean,
  ) {
    this.#unwatch = client.client.meter?.watchHandlers();
  }

  over(): void {
    this.#unwatch?.();
  }

  tell(stream: EventStream): void {
    if (!this.isKnown()) {
      stream.send('gone', '{}');
      stream.end();
      return;
    }
    void this.#ask();
    stream.send('client', JSON.stringify(this.views.client(this.client, this.#state)));
  }

  async #ask(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#state = await this.views.stateOf(this.client);
    this.#isAsking = false;
  }
}

/** The routes, at a path and behind guards: a class of its own for each module that is made. */
export function inspectorController({
  path = PATH,
  guards = [],
}: WebSockexInspectorExtras): Type<object> {
  // Neutral: a page has no way to say which version it wants.
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(SecureAnswers, ...(guards === 'none' ? [] : guards))
  class InspectorController extends InspectorRoutes {}
  return InspectorController;
}
