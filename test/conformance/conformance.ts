import type { Transport } from '../../src/ports/transport.ts';
import { type Bus, type Harness, manifestOf, type Sketch } from './harness.ts';
import { HARNESSES } from './harnesses.ts';

/** What each test of the suite is handed. */
export interface Suite {
  readonly harness: Harness;
  /** A bus of its own; removed after the test. */
  readonly create: (sketch: Sketch) => Promise<Bus>;
  /** The same, with a connection. */
  readonly open: (sketch: Sketch) => Promise<{ bus: Bus; transport: Transport }>;
}

/** Runs one set of tests on every transport. `WAYBILL_TEST_ONLY` (part of a name) leaves the others out. */
export function conformance(title: string, define: (suite: Suite) => void): void {
  const only = process.env['WAYBILL_TEST_ONLY'] ?? '';
  for (const make of HARNESSES) {
    const harness = make();
    if (!harness.name.includes(only)) continue;
    describe(`${title} [${harness.name}]`, () => {
      const buses: Bus[] = [];
      const create = async (sketch: Sketch): Promise<Bus> => {
        const bus = await harness.create(manifestOf(sketch), sketch.parking ?? 268_435_456);
        buses.push(bus);
        return bus;
      };
      before(async function () {
        await harness.start(this);
      });
      afterEach(async () => {
        for (const bus of buses.splice(0)) await bus.destroy();
      });
      after(() => harness.stop());
      define({
        harness,
        create,
        async open(sketch) {
          const bus = await create(sketch);
          return { bus, transport: await bus.connect() };
        },
      });
    });
  }
}
