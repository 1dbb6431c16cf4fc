import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { rejection } from '../../support/rejection.ts';
import { writeRetail } from '../../support/retail.ts';
import { until } from '../../support/until.ts';
import type { UntypedService } from '../../support/untyped.ts';
import { throughServices } from './services.ts';

const PLACED = 'shop.order.placed@1';
const ACCEPTED = 'oms.order.accepted@1';

/** The retail bus with a store where the transport has none; mail forgets soon. */
async function writeWithStore(folder: string, options: { bus: string; transport: string }): Promise<void> {
  await writeRetail(folder, options);
  const file = join(folder, 'waybill.yaml');
  const text = (await readFile(file, 'utf8')).replace('  mail:\n', '  mail:\n    inbox: { keep: 1s }\n');
  const store = options.transport.startsWith('embedded:') ? '' : `store: embedded:${folder}/inbox\n`;
  await writeFile(file, store + text);
}

throughServices(
  'an inbox',
  (bus) => {
    /** Publishes orders by id, with nothing else to tell them by. */
    const publisher = async (): Promise<(...ids: string[]) => Promise<void>> => {
      const shop = await bus().connect('shop');
      return async (...ids) => {
        for (const id of ids) await shop.publish(PLACED, { id: `key of ${id}` }, { id });
      };
    };
    const duplicates = async (service: string): Promise<number> => {
      const { ledger, endpoints } = await bus().transport.stats();
      expect(endpoints.some(({ name }) => name === service)).to.equal(true);
      return ledger.duplicate;
    };
    const mailTo = async (got: string[]): Promise<UntypedService> => {
      const mail = await bus().connect('mail');
      mail.handle(ACCEPTED, ({ data }) => {
        got.push((data as { id: string }).id);
      });
      await mail.start();
      return mail;
    };

    it('has a message handled once, however often it comes, with one set of results', async () => {
      const handled: string[] = [];
      const mailed: string[] = [];
      await mailTo(mailed);
      const oms = await bus().connect('oms');
      oms.handle(
        PLACED,
        ({ id, data }, context) => {
          handled.push(id);
          context.publish(ACCEPTED, data);
        },
        { inbox: true },
      );
      await oms.start();
      const publish = await publisher();
      await publish('a', 'b', 'a', 'a', 'c', 'b');
      await until('all of them', async () => (await bus().transport.stats()).ledger.waiting === 0);
      expect(handled.sort()).to.deep.equal(['a', 'b', 'c']);
      // A store beside the broker cannot know that they were sent, so they may be repeated, under the same ids.
      const results = bus().transport.kind === 'embedded' ? mailed : [...new Set(mailed)];
      expect(results.sort()).to.deep.equal(['key of a', 'key of b', 'key of c']);
      expect(await duplicates('oms')).to.equal(3);
    });

    it('knows what another process of the service handled before', async () => {
      const handled: string[] = [];
      const attend = async (): Promise<UntypedService> => {
        const oms = await bus().connect('oms');
        oms.handle(PLACED, ({ id }) => void handled.push(id), { inbox: true });
        await oms.start();
        return oms;
      };
      const publish = await publisher();
      const first = await attend();
      await publish('a');
      await until('it', () => handled.length === 1);
      await first.close();
      await attend();
      await publish('a', 'fence');
      await until('the fence', () => handled.includes('fence'));
      await until('the end', async () => (await bus().transport.stats()).ledger.waiting === 0);
      expect(handled).to.deep.equal(['a', 'fence']);
    });

    it('has no record of an attempt that failed', async () => {
      const attempts: string[] = [];
      const oms = await bus().connect('oms');
      oms.handle(
        PLACED,
        ({ id }) => {
          attempts.push(id);
          if (attempts.length === 1) throw new Error('the first time');
        },
        { inbox: true },
      );
      await oms.start();
      const publish = await publisher();
      await publish('a', 'a');
      await until('the end', async () => (await bus().transport.stats()).ledger.waiting === 0);
      expect(attempts).to.deep.equal(['a', 'a']);
      expect(await duplicates('oms')).to.equal(1);
    });

    it('has no record of an attempt that ran out of time, and does not wait for it', async () => {
      let attempts = 0;
      const oms = await bus().connect('oms');
      oms.handle(
        PLACED,
        () => {
          attempts += 1;
          return attempts === 1 ? new Promise<void>(() => undefined) : undefined;
        },
        { inbox: true, timeoutMs: 2_000 },
      );
      await oms.start();
      const publish = await publisher();
      await publish('a');
      await until('the end', async () => (await bus().transport.stats()).ledger.waiting === 0);
      expect(attempts).to.be.at.least(2);
      expect(await bus().transport.dead.count()).to.equal(0);
    });

    it('forgets what it was not to keep any longer', async function () {
      // A store beside the transport keeps it for longer: the message may not be settled.
      if (bus().transport.kind === 'rabbitmq') return this.skip();
      let handled = 0;
      const mail = await bus().connect('mail');
      mail.handle(
        ACCEPTED,
        () => {
          handled += 1;
        },
        { inbox: true },
      );
      await mail.start();
      const oms = await bus().connect('oms');
      const publish = (): Promise<unknown> => oms.publish(ACCEPTED, { id: 'k' }, { id: 'a' });
      await until('it to be handled again', async () => {
        await publish();
        return handled >= 2;
      });
      await until('the end', async () => (await bus().transport.stats()).ledger.waiting === 0);
    });

    it('has no transaction in a folder, nor without an inbox, and says so', async () => {
      const refused: string[] = [];
      const note = (error: { readonly code: string; readonly message: string }): void => {
        refused.push(`${error.code} ${error.message}`);
      };
      const oms = await bus().connect('oms');
      oms.handle(
        PLACED,
        async (_, context) => {
          note(await rejection(context.transaction()));
        },
        {
          inbox: true,
        },
      );
      await oms.start();
      const mail = await bus().connect('mail');
      mail.handle(ACCEPTED, async (_, context) => {
        note(await rejection(context.transaction()));
      });
      await mail.start();
      const publish = await publisher();
      await publish('a');
      await oms.publish(ACCEPTED, { id: 'k' });
      await until('both', () => refused.length === 2);
      const [withInbox, without] = refused.sort().reverse();
      expect(withInbox).to.match(/^WB_STORE_MISSING .*no transactions/);
      expect(without).to.match(/^WB_OPTION_INVALID .*no inbox/);
    });
  },
  writeWithStore,
);
