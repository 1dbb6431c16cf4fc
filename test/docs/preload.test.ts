import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { OtlpCollector } from '../support/otlp.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('node --import waybill/telemetry', () => {
  it('sets telemetry up before the service, and sends what is left at its end', async () => {
    await using collector = await OtlpCollector.start();
    const program = "import { trace } from '@opentelemetry/api'; trace.getTracer('own').startSpan('work').end();";
    const args = ['--import', 'waybill/telemetry', '--input-type=module', '--eval', program];
    const env = {
      ...process.env,
      ...collector.environment,
      OTEL_SERVICE_NAME: 'preloaded',
      OTEL_BSP_SCHEDULE_DELAY: '60000',
    };
    const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' });
    const [code] = (await once(child, 'close')) as unknown[];
    expect(code).to.equal(0);
    expect((await collector.one('work')).service).to.equal('preloaded');
  });
});
