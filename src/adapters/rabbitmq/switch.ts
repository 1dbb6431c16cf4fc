import type { Declarer } from './declarer.ts';
import { type EndpointLayout, newestOf, otherSide } from './layout.ts';
import type { Names } from './names.ts';
import { generationBindings } from './topology.ts';

/**
 * How long a message may be on its way from an exchange to a queue: what was published just before a change may arrive in an old
 * queue after it. What is later still is lost to order, when the queue is still attended, or to the publisher, who gets no
 * confirm and publishes it again. @unit milliseconds
 */
export const DEFAULT_SETTLE = 5_000;

/**
 * The two exchanges of an endpoint as a switch. The standby is the alternate of the main one, so it takes exactly those slots
 * that the main one has no binding for: each slot changes in one atomic step, and no message goes nowhere or to both.
 */
export interface SwitchDeps {
  readonly names: Names;
  readonly declarer: Declarer;
  readonly done: (what: string) => void;
}

/**
 * Binds the last generation on its side and unbinds the one before it. Onto the standby, each slot goes over when it is
 * unbound in the main one; onto the main one, when it is bound there. May be repeated from any point.
 */
export async function finishSwitch(
  layout: EndpointLayout,
  slots: number,
  { names, declarer, done }: SwitchDeps,
): Promise<EndpointLayout> {
  const { spec, side, generations, switching: _, ...rest } = layout;
  const { name } = spec;
  await declarer.bind(generationBindings(names, name, newestOf(layout), side, { from: 0, to: slots }), () => {
    done(`bound on ${side} of ${name}`);
  });
  const before = generations.at(-2);
  if (before !== undefined) {
    // Also slots that the old generation never had: unbinding what is not bound does nothing.
    await declarer.unbind(generationBindings(names, name, before, otherSide(side), { from: 0, to: slots }), () => {
      done(`unbound on ${otherSide(side)} of ${name}`);
    });
  }
  return { ...rest, spec, generations, side, slots };
}

/** Binds all slots of the last generation where it is bound: those that are missing and those that the bus has more by now. */
export async function bindNewest(
  layout: EndpointLayout,
  slots: number,
  { names, declarer, done }: SwitchDeps,
): Promise<EndpointLayout> {
  const { name } = layout.spec;
  await declarer.bind(generationBindings(names, name, newestOf(layout), layout.side, { from: 0, to: slots }));
  done(`bindings of ${name}`);
  return { ...layout, slots };
}
