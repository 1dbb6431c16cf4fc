import { expect } from 'chai';
import { openBus } from '../../../src/bus.ts';
import { workFolder } from '../../support/cli.ts';
import { rejection } from '../../support/rejection.ts';
import { writeRetail } from '../../support/retail.ts';
import { testLog } from '../../support/targets.ts';

describe('WAYBILL_TRACES', () => {
  afterEach(() => {
    delete process.env['WAYBILL_TRACES'];
  });

  it('is refused by name when it is no style, and leaves nothing open', async () => {
    await using folder = await workFolder();
    await writeRetail(folder.path, { bus: 'retail', transport: 'embedded:.waybill' });
    process.env['WAYBILL_TRACES'] = 'joint';
    expect(await rejection(openBus({ config: folder.path, log: testLog }))).to.deep.include({
      code: 'WB_OPTION_INVALID',
      message: 'WAYBILL_TRACES must be joined or linked, not "joint"',
    });
    process.env['WAYBILL_TRACES'] = 'linked';
    await using host = await openBus({ config: folder.path, log: testLog });
    expect(host.transport.status().owner, 'nobody else has the folder').to.be.true;
  });
});
