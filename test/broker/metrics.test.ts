import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ALL_METRICS, BUS_METRICS, type MetricRow, PROCESS_METRICS } from '../../src/observability/metric-table.ts';
import { prometheusName } from '../../src/observability/prometheus-name.ts';
import { brokerUrl } from '../support/broker.ts';
import { promtool } from '../support/promtool.ts';
import { TracedBus } from '../support/traced-bus.ts';
import { until } from '../support/until.ts';

const MONITORING = new URL('../../monitoring/', import.meta.url);

/** Names and labels of what a process tells, by its own account of each kind. */
function told(text: string): Map<string, { readonly kind: string; readonly labels: Set<string> }> {
  const metrics = new Map<string, { kind: string; labels: Set<string> }>();
  for (const [, name = '', kind = ''] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm))
    metrics.set(name, { kind, labels: new Set() });
  for (const [, series = '', labels = ''] of text.matchAll(/^([a-z_]+)(?:\{(.*)\})? \S+$/gm)) {
    const metric = metrics.get(series) ?? metrics.get(series.replace(/_(bucket|sum|count)$/, ''));
    for (const [, label = ''] of labels.matchAll(/([a-z_]+)="/g)) if (label !== 'le') metric?.labels.add(label);
  }
  metrics.delete('target_info');
  return metrics;
}

function value(text: string, series: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length));
}

describe('the figures of a bus on RabbitMQ', () => {
  let bus: TracedBus;
  let router = '';
  let shop = '';
  let mail = '';

  before(async function () {
    bus = await TracedBus.start(await brokerUrl(this));
    const publisher = await bus.service('shop');
    await publisher.ask({ do: 'publish', type: 'shop.order.placed@1', data: { id: 'retried', lines: [{ sku: 'a' }] } });
    await publisher.ask({ do: 'publish', type: 'shop.order.placed@1', data: { id: 'deadly', lines: [] } });
    await publisher.ask({ do: 'publish', type: 'shop.order.moved@1', data: { id: 'o-1' } });
    await publisher.ask({ do: 'request', type: 'pricing.quote@1', data: { sku: 'a' } });
    await until('the figures', async () => {
      const { text } = await bus.get('/metrics');
      router = text;
      return value(text, 'waybill_service_published_total{service="oms"}') === 1 && text.includes('breaker_open{');
    });
    shop = await publisher.scrape();
    mail = await bus.process('mail').scrape();
  });
  after(async () => {
    await bus[Symbol.asyncDispose]();
  });

  it('are those of the table, by name, kind and labels, and all of them', () => {
    const all = new Map([...told(router), ...told(shop), ...told(mail)]);
    const rows = (metrics: readonly MetricRow[]): string[] => metrics.map(prometheusName).sort();
    expect([...all.keys()].sort()).to.deep.equal(rows(ALL_METRICS));
    for (const metric of ALL_METRICS) {
      const { kind, labels } = all.get(prometheusName(metric)) ?? { kind: '', labels: new Set<string>() };
      expect(kind, metric.name).to.equal(metric.kind);
      const wanted = metric.labels.map((label) => label.replaceAll('.', '_'));
      expect(wanted, metric.name).to.include.members([...labels]);
      // Only what failed says with what.
      expect([...labels], metric.name).to.include.members(wanted.filter((label) => label !== 'error_type'));
    }
  });

  it('say what happened', () => {
    expect(value(router, 'waybill_route_messages_total{route="orders",outcome="in"}')).to.equal(2);
    expect(value(router, 'waybill_route_messages_total{route="orders",outcome="out"}')).to.equal(1);
    expect(value(router, 'waybill_route_messages_total{route="orders",outcome="filtered"}')).to.equal(1);
    expect(value(router, 'waybill_transport_connected')).to.equal(1);
    const process = 'messaging_system="rabbitmq",messaging_operation_name="process",messaging_destination_name="mail"';
    expect(value(mail, `messaging_process_duration_count{${process},error_type="Error"}`)).to.equal(1);
    expect(value(mail, `messaging_process_duration_count{${process}}`)).to.equal(1);
    expect(value(mail, `waybill_process_lag_count{${process}}`), 'of first attempts').to.equal(1);
    const publish = 'messaging_operation_name="publish",messaging_destination_name="shop.order.placed@1"';
    expect(value(shop, `messaging_client_sent_messages_total{messaging_system="rabbitmq",${publish}}`)).to.equal(2);
  });

  it('are text that Prometheus takes', function () {
    const tool = promtool(this);
    for (const input of [router, shop, mail]) execFileSync(tool, ['check', 'metrics'], { input, stdio: 'pipe' });
  });

  it('are told beside the health of the process', async () => {
    expect(await bus.get('/live')).to.deep.equal({ status: 200, text: '{"live":true}\n' });
    expect(await bus.get('/ready')).to.deep.equal({ status: 200, text: '{"ready":true,"wrong":[]}\n' });
    expect((await bus.get('/elsewhere')).status).to.equal(404);
  });
});

describe('the alert rules and the dashboard', () => {
  const known = new Set(
    [...Object.values(BUS_METRICS), ...Object.values(PROCESS_METRICS)].flatMap((row: MetricRow) => {
      const name = prometheusName(row);
      return row.kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
    }),
  );

  for (const file of ['alerts.yaml', 'grafana.json']) {
    it(`${file} uses metrics that there are`, () => {
      const text = readFileSync(new URL(file, MONITORING), 'utf8');
      const used = new Set(text.match(/\b(?:waybill|messaging)_[a-z_]+(?=[{[)\s])/g));
      expect(used).to.have.property('size').at.least(3);
      expect([...known]).to.include.members([...used]);
    });
  }

  it('are rules that Prometheus takes, and fire when they should', function () {
    const tool = promtool(this);
    execFileSync(tool, ['check', 'rules', fileURLToPath(new URL('alerts.yaml', MONITORING))], { stdio: 'pipe' });
    execFileSync(tool, ['test', 'rules', fileURLToPath(new URL('alerts.test.yaml', MONITORING))], { stdio: 'pipe' });
  });
});
