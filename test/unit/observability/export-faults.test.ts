import { expect } from 'chai';
import { ExportFaults } from '../../../src/observability/export-faults.ts';
import { ManualClock } from '../../support/manual-clock.ts';

describe('what the SDK of telemetry complains of', () => {
  it('is said once, as the message alone, and again only after it was quiet for long', () => {
    const said: string[] = [];
    const note =
      (level: string) =>
      (fields: object): void => {
        said.push(`${level} ${'error' in fields ? String(fields.error) : ''}`);
      };
    const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
    const clock = new ManualClock();
    const faults = new ExportFaults(log, clock);
    faults.error('Accessing resource attributes before async attributes settled');
    faults.error(JSON.stringify({ stack: 'Error: connect', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' }));
    faults.error(JSON.stringify({ message: '', code: 'ECONNREFUSED' }));
    clock.advance(300_000);
    faults.warn('still away');
    clock.advance(700_000);
    faults.warn('away again');
    const wanted = ['warn connect ECONNREFUSED', 'debug ECONNREFUSED', 'debug still away', 'warn away again'];
    expect(said).to.deep.equal(wanted);
  });
});
