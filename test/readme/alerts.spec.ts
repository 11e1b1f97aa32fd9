import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { METRICS, type MetricName } from '../../lib/metrics/metrics.table.js';
import { prometheusName } from '../../lib/prometheus/sample.js';
import { promtool, PROMTOOL_MISSING } from '../fixtures/promtool.js';
import { page } from './pages.js';

const rules = /```yaml\n(groups:[^]*?)```/.exec(page('docs/observability.md'))?.[1] ?? '';

/** What an alert is to fire for, and what it is not: values of a series, one a minute. */
const CASES: Readonly<Record<string, readonly [series: string, fires: string, rests: string]>> = {
  WebSocketAway: ['websockex_clients{C,websockex_state="backoff"}', '1x20', '0 0 1 1 0x16'],
  WebSocketFailed: ['websockex_clients{C,websockex_state="failed"}', '1x20', '0x20'],
  WebSocketCrashes: ['websockex_restarts_total{C,websockex_reason="TypeError"}', '0+1x20', '2x20'],
  WebSocketFlaps: [
    'websockex_session_duration_seconds_count{C,websockex_end="lost"}',
    '0+1x20',
    '0+0.2x20',
  ],
  WebSocketSilent: ['websockex_last_received_age_seconds{C}', '0+60x20', '5x20'],
  WebSocketBehind: ['websockex_paused_seconds_total{C}', '0+30x20', '0+1x20'],
  WebSocketWaits: ['websockex_mailbox_wait_seconds_bucket{C,le="0.5"}', '0x20', '0+100x20'],
  // The first one makes the series: it is never seen to increase.
  WebSocketLoses: ['websockex_gaps_total{C,websockex_reason="TypeError"}', '_x10 1x9', '1x20'],
  WebSocketRequestsFail: [
    'websockex_request_duration_seconds_count{C,error_type="ERR_WEBSOCKEX_REQUEST_TIMEOUT"}',
    '0+10x20',
    '0x20',
  ],
};

const CLASS = 'websockex_client_class="Feed"';

/** What else there has to be. */
const BESIDE: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  WebSocketWaits: [
    ['websockex_mailbox_wait_seconds_bucket{C,le="5"}', '0+100x20'],
    ['websockex_mailbox_wait_seconds_bucket{C,le="+Inf"}', '0+100x20'],
  ],
  WebSocketRequestsFail: [['websockex_request_duration_seconds_count{C}', '0+10x20']],
  // Two metrics may have the same reason.
  WebSocketLoses: [['websockex_messages_rejected_total{C,websockex_reason="TypeError"}', '7x20']],
};

/** A test of one alert, as `promtool test rules` reads it. */
function testOf(alert: string, isFiring: boolean): unknown {
  const [series, fires, rests] = CASES[alert] ?? ['', '', ''];
  const all = [[series, isFiring ? fires : rests] as const, ...(BESIDE[alert] ?? [])];
  return {
    interval: '1m',
    input_series: all.map(([one, values]) => ({ series: one.replace('C', CLASS), values })),
    alert_rule_test: [
      {
        eval_time: '20m',
        alertname: alert,
        exp_alerts: isFiring ? [{ exp_labels: { websockex_client_class: 'Feed' } }] : [],
      },
    ],
  };
}

describe('The alerts of docs/observability.md', () => {
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name]) => name);

  it('are all tried, and ask for metrics that there are', () => {
    expect(alerts).toEqual(Object.keys(CASES));
    const names = new Set(
      (Object.keys(METRICS) as MetricName[]).map((name) => prometheusName(name, METRICS[name], '')),
    );
    const asked = [...rules.matchAll(/\bwebsockex_[a-z_]+(?=[{[ ])/g)].map(([name]) =>
      name.replace(/_(bucket|count|sum)$/, ''),
    );
    expect(asked.length).toBeGreaterThan(8);
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  });

  it.skipIf(PROMTOOL_MISSING !== undefined)(
    `fire when they should, and else do not${PROMTOOL_MISSING === undefined ? '' : ` (skipped: ${PROMTOOL_MISSING})`}`,
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'websockex-alerts-'));
      try {
        await writeFile(join(folder, 'rules.yml'), rules);
        // JSON is YAML.
        const tests = Object.keys(CASES).flatMap((alert) => [
          testOf(alert, true),
          testOf(alert, false),
        ]);
        const file = join(folder, 'tests.yml');
        const suite = { rule_files: ['rules.yml'], evaluation_interval: '1m', tests };
        await writeFile(file, JSON.stringify(suite));
        const verdict = await promtool(['test', 'rules', file]);
        expect(verdict).toEqual({ code: 0, output: expect.stringContaining('SUCCESS') });
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});
