import { metrics } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { metrics as sdk } from '@opentelemetry/sdk-node';
import { expect } from 'chai';
import { observeBus } from '../../src/observability/bus-metrics.ts';
import { Collector } from '../support/collector.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { outgoing } from '../support/messages.ts';
import { testLog } from '../support/targets.ts';
import { until } from '../support/until.ts';
import { conformance } from './conformance.ts';

conformance('figures', ({ open, harness }) => {
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new sdk.MeterProvider({ readers: [reader] });

  before(() => {
    metrics.setGlobalMeterProvider(provider);
  });
  after(async () => {
    metrics.disable();
    await provider.shutdown();
  });

  /** By endpoint. */
  async function gauge(name: string): Promise<Record<string, unknown>> {
    const { resourceMetrics } = await reader.collect();
    const found = resourceMetrics.scopeMetrics
      .flatMap(({ metrics: all }) => all)
      .find(({ descriptor }) => descriptor.name === name);
    return Object.fromEntries(
      (found?.dataPoints ?? []).map(({ attributes, value }) => [String(attributes['endpoint']), value]),
    );
  }

  it('are unknown, and not what they were, where a process cannot tell them any more', async () => {
    const { bus, transport } = await open({ endpoints: { oms: {}, mail: {} } });
    const unobserve = observeBus({ transport, breakers: new Map(), plan: bus.manifest, log: testLog });
    try {
      await transport.send([outgoing({}, { endpoint: 'oms' })]);
      await until('it to wait', async () => (await gauge('waybill.endpoint.backlog'))['oms'] === 1);
      await transport.close();
      expect(await gauge('waybill.endpoint.backlog')).to.deep.equal({ oms: Number.NaN, mail: Number.NaN });
      expect(Object.values(await gauge('waybill.transport.connected'))).to.deep.equal([0]);
    } finally {
      unobserve();
    }
  });

  it('tell how old the oldest message is: 0 where none is, and NaN where nobody can tell', async () => {
    const { bus, transport } = await open({ endpoints: { oms: {}, mail: {} } });
    const clock = new ManualClock();
    const unobserve = observeBus({ transport, breakers: new Map(), plan: bus.manifest, log: testLog }, clock);
    try {
      expect(await gauge('waybill.endpoint.oldest')).to.deep.equal({ oms: 0, mail: 0 });
      const time = new Date(clock.now()).toISOString();
      clock.advance(2_500);
      await transport.send([outgoing({ time }, { endpoint: 'oms' })]);
      await until('it to wait', async () => (await gauge('waybill.endpoint.backlog'))['oms'] === 1);
      // A broker shows the head of a queue to nobody but its consumers.
      const alone = harness.kind === 'embedded' ? 2.5 : Number.NaN;
      expect(await gauge('waybill.endpoint.oldest')).to.deep.equal({ oms: alone, mail: 0 });
      const collector = await Collector.start(transport, 'oms');
      const deliveries = await collector.atLeast(1);
      clock.advance(60_000);
      expect(await gauge('waybill.endpoint.oldest')).to.deep.equal({ oms: 62.5, mail: 0 });
      // The publisher's clock may be ahead.
      clock.set(Date.parse(time) - 1_000);
      expect(await gauge('waybill.endpoint.oldest')).to.deep.equal({ oms: 0, mail: 0 });
      await collector.settle(deliveries);
      clock.set(Date.parse(time) + 1_000);
      await until('nothing to wait', async () => (await gauge('waybill.endpoint.oldest'))['oms'] === 0);
    } finally {
      unobserve();
    }
  });
});
