import { Test } from '@nestjs/testing';
import { OnCast, OnFrame, WebSockexModule, type DataFrame } from 'nestjs-websockex';
import { WebSockexPrometheusModule } from 'nestjs-websockex/prometheus';
import { register, Registry, type RegistryContentType } from 'prom-client';
import { describe, expect, it } from 'vitest';

import { METRICS } from '../../../lib/metrics/metrics.table.js';
import { NetScene } from '../../fixtures/net-scene.js';
import { OtelMetrics } from '../../fixtures/otel-metrics.js';
import { promtool, PROMTOOL_MISSING } from '../../fixtures/promtool.js';

class Feed {
  @OnFrame('text', 'boom')
  boom() {
    throw new RangeError('no word of ours');
  }

  @OnFrame()
  frame(_: DataFrame) {}

  @OnCast()
  say(text: string) {
    return text;
  }
}

const SLOWLY = { reconnect: { initialDelay: 1_000, maxDelay: 1_000, jitter: 'none' } } as const;

/** A life with an outage, a refusal and a crash in it. */
async function live(scene: NetScene<Feed>): Promise<void> {
  await scene.feed('a', 'bc');
  scene.server.waitAgain();
  scene.peer.close(1001, 'going');
  await scene.net.clock.advance('1s');
  await scene.server.reject(503);
  scene.server.acceptAll();
  await scene.net.clock.advance('2s');
  await scene.feed('boom');
  await scene.net.clock.advance('10s');
  await scene.handle.sendFrame('out');
}

/** The lines of one metric. */
const linesOf = (text: string, name: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));

describe('The metrics of clients, in a registry of prom-client', () => {
  it('are those of the table, with the units and endings of Prometheus', async () => {
    const registry = new Registry();
    const imports = [WebSockexPrometheusModule.forRoot({ registry })];
    await using scene = await NetScene.open(Feed, SLOWLY, { imports });
    await live(scene);
    const text = await registry.metrics();
    const typed = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [
      name,
      type,
    ]);
    expect(typed).toHaveLength(Object.keys(METRICS).length);
    expect(typed).toEqual(
      expect.arrayContaining([
        ['websockex_clients', 'gauge'],
        ['websockex_connect_duration_seconds', 'histogram'],
        ['websockex_connect_waiting', 'gauge'],
        ['websockex_frames_total', 'counter'],
        ['websockex_io_bytes_total', 'counter'],
        ['websockex_mailbox_bytes', 'gauge'],
        ['websockex_paused_seconds_total', 'counter'],
        ['websockex_send_buffered_bytes', 'gauge'],
        ['websockex_last_received_age_seconds', 'gauge'],
        ['websockex_messages_rejected_total', 'counter'],
        ['rpc_client_call_duration_seconds', 'histogram'],
      ]),
    );
    const of = 'websockex_client_class="Feed"';
    expect(linesOf(text, 'websockex_clients')).toContain(
      `websockex_clients{${of},websockex_state="open"} 1`,
    );
    expect(linesOf(text, 'websockex_io_bytes_total')).toContain(
      `websockex_io_bytes_total{${of},network_io_direction="transmit",websockex_frame_type="text"} 3`,
    );
    expect(linesOf(text, 'websockex_restarts_total')).toEqual([
      `websockex_restarts_total{${of},websockex_reason="RangeError"} 1`,
    ]);
    const refused = `${of},server_address="feed.example",server_port="443",error_type="503",http_response_status_code="503"`;
    expect(linesOf(text, 'websockex_connect_duration_seconds_count')).toContain(
      `websockex_connect_duration_seconds_count{${refused}} 1`,
    );
    expect(linesOf(text, 'websockex_connect_duration_seconds_bucket')).toContain(
      `websockex_connect_duration_seconds_bucket{le="+Inf",${refused}} 1`,
    );
  });

  it('have buckets that count those below them', async () => {
    const registry = new Registry();
    const imports = [WebSockexPrometheusModule.forRoot({ registry })];
    await using scene = await NetScene.open(Feed, SLOWLY, { imports });
    for (const seconds of [5, 20, 20, 100_000]) {
      await scene.net.clock.advance(seconds * 1_000);
      scene.peer.close(1001);
      await scene.net.clock.advance('2s');
    }
    const text = await registry.metrics();
    const buckets = linesOf(text, 'websockex_session_duration_seconds_bucket');
    expect(buckets.map((line) => /le="([^"]+)".* (\d+)$/.exec(line)?.slice(1).join(' '))).toEqual([
      '1 0',
      '10 1',
      '60 3',
      '300 3',
      '900 3',
      '3600 3',
      '14400 3',
      '43200 3',
      '86400 3',
      '+Inf 4',
    ]);
  });

  it.skipIf(PROMTOOL_MISSING !== undefined)(
    `are what promtool can read, and has nothing to say to${PROMTOOL_MISSING === undefined ? '' : ` (skipped: ${PROMTOOL_MISSING})`}`,
    async () => {
      const registry = new Registry();
      const imports = [WebSockexPrometheusModule.forRoot({ registry, prefix: 'shop_' })];
      await using scene = await NetScene.open(Feed, SLOWLY, { imports });
      await live(scene);
      const verdict = await promtool(['check', 'metrics'], await registry.metrics());
      expect(verdict).toEqual({ code: 0, output: '' });
    },
  );

  it('are told as OpenMetrics has them, where the registry does so', async () => {
    const registry: Registry<RegistryContentType> = new Registry();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    const imports = [WebSockexPrometheusModule.forRoot({ registry })];
    const scene = await NetScene.open(Feed, SLOWLY, { imports });
    await scene.feed('a');
    const text = await registry.metrics();
    expect(text).toMatch(/^# TYPE websockex_frames counter$/m);
    expect(text).toMatch(/^websockex_frames_total\{.*\} 1$/m);
    expect(text).toMatch(/# EOF\n$/);
    await scene.close();
    await scene.net.dispose();
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it('are in the registry of prom-client by default, until the application has ended', async () => {
    const imports = [WebSockexPrometheusModule.forRoot()];
    const scene = await NetScene.open(Feed, {}, { imports });
    expect(register.getSingleMetric('websockex_clients')).toBeDefined();
    await scene.close();
    await scene.net.dispose();
    expect(register.getMetricsAsArray()).toEqual([]);
  });

  it('are the same that OpenTelemetry is told, where an application has both', async () => {
    const registry = new Registry();
    const otel = new OtelMetrics();
    const imports = [WebSockexPrometheusModule.forRoot({ registry }), otel.module()];
    await using scene = await NetScene.open(Feed, SLOWLY, { imports });
    await live(scene);
    const text = await registry.metrics();
    const sumOf = (name: string): number =>
      linesOf(text, name).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    const total = async (name: string, key: 'value' | 'count'): Promise<number> =>
      (await otel.figures(name)).reduce((sum, figure) => sum + (figure[key] ?? 0), 0);
    expect(sumOf('websockex_frames_total')).toBe(await total('websockex.frames', 'value'));
    expect(sumOf('websockex_io_bytes_total')).toBe(await total('websockex.io', 'value'));
    for (const name of ['handler.duration', 'connect.duration', 'session.duration']) {
      const named = `websockex_${name.replace('.', '_')}_seconds_count`;
      expect(sumOf(named)).toBeGreaterThan(0);
      expect(sumOf(named)).toBe(await total(`websockex.${name}`, 'count'));
    }
  });

  it('are none of an application without clients', async () => {
    const imports = [WebSockexPrometheusModule.forRoot({ registry: new Registry() })];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(
      /WebSockexPrometheusModule has no clients to measure/,
    );
    const one = { imports: [...imports, WebSockexModule.forRoot()] };
    await (await Test.createTestingModule(one).compile()).close();
  });
});
