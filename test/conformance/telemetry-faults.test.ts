import { expect } from 'chai';
import { Called, workFolder } from '../support/cli.ts';
import { type Mood, OtlpCollector } from '../support/otlp.ts';
import { TracedProcess, writeTraced } from '../support/traced.ts';
import { until } from '../support/until.ts';

const DOES_NOT_LEAVE = 'telemetry does not leave; the bus goes on without it';

/** Publishes orders with telemetry towards `endpoint`. @returns what the router said, and how many oms handled */
async function publishTowards(environment: Readonly<Record<string, string>>): Promise<{ said: string; done: number }> {
  await using folder = await workFolder();
  await writeTraced(folder.path, { bus: 'retail', transport: 'embedded:.waybill' });
  // Faults come soon, so that the test need not wait for them.
  const env = { ...environment, OTEL_EXPORTER_OTLP_TIMEOUT: '200', OTEL_BSP_EXPORT_TIMEOUT: '400' };
  await using router = await Called.start(['run', '--json', '--http', '0'], { cwd: folder.path, env });
  await router.says('"started"');
  let done = 0;
  {
    await using _oms = await TracedProcess.start('oms', folder.path, env);
    await using shop = await TracedProcess.start('shop', folder.path, env);
    const [, port = ''] = /"event":"http".*"port":(\d+)/.exec(router.stdout) ?? [];
    for (let n = 0; n < 20; n++) {
      const data = { id: `o-${String(n)}`, lines: [{ sku: 'a' }] };
      await shop.ask({ do: 'publish', type: 'shop.order.placed@1', data });
    }
    await until('all orders to be handled, and the fault to be said', async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      done = Number(/waybill_endpoint_outcomes_total\{endpoint="oms",outcome="done"\} (\d+)/.exec(text)?.[1] ?? 0);
      return done >= 20 && router.stderr.includes(DOES_NOT_LEAVE);
    });
  }
  const { code, stderr } = await router.stop('SIGTERM');
  expect(code, 'the router ends by itself').to.equal(0);
  return { said: stderr, done };
}

describe('a collector of telemetry', () => {
  for (const mood of ['hangs', 'refuses'] satisfies readonly Mood[]) {
    it(`that ${mood} stops nothing, and is said once`, async () => {
      await using collector = await OtlpCollector.start();
      collector.mood = mood;
      const { said, done } = await publishTowards(collector.environment);
      expect(done).to.equal(20);
      expect(said.split(DOES_NOT_LEAVE)).to.have.length(2);
      expect(collector.requests).to.be.greaterThan(1);
    });
  }

  it('that is away stops nothing, and is said once', async () => {
    const collector = await OtlpCollector.start();
    const { environment } = collector;
    await collector[Symbol.asyncDispose]();
    const { said, done } = await publishTowards(environment);
    expect(done).to.equal(20);
    expect(said.split(DOES_NOT_LEAVE)).to.have.length(2);
  });

  it('whose address has no scheme is told at start, with its variable and what to write', async () => {
    await using folder = await workFolder();
    await writeTraced(folder.path, { bus: 'retail', transport: 'embedded:.waybill' });
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' };
    await using router = await Called.start(['run', '--json'], { cwd: folder.path, env });
    await router.says('"started"');
    expect(router.stderr).to.contain('OTEL_EXPORTER_OTLP_ENDPOINT is no http:// or https:// URL');
    expect(router.stderr).to.contain('write http://collector:4318');
    expect((await router.stop('SIGTERM')).code).to.equal(0);
  });
});
