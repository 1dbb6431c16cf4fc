import { type DeadLetter, type Host, type Office, type OfficeAction, typeRef } from '../index.ts';

/** What became of the one letter that was redriven before the others. */
export type CanaryOutcome =
  | { readonly outcome: 'settled' }
  | { readonly outcome: 'died'; readonly again: DeadLetter }
  | { readonly outcome: 'open'; readonly why: string };

/** Longest wait for the first letter. @unit milliseconds */
export const CANARY_PATIENCE = 30_000;
/** Between two looks. @unit milliseconds */
const LOOK = 250;

/**
 * Redrives one letter and waits until its endpoint has settled it or given it up again: if the fault is still there, one
 * letter has met it and not thousands.
 */
export async function tryCanary(
  host: Host,
  office: Office,
  letter: DeadLetter,
  action: OfficeAction,
): Promise<CanaryOutcome> {
  const { clock, transport } = host;
  const { endpoint, message } = letter;
  const { id: messageId, type, version } = message.envelope;
  const known = new Set<string>();
  const same = { endpoint, messageId, type: typeRef(type, version) };
  for await (const { id } of office.list(same)) known.add(id);
  await office.redrive({ ids: [letter.id] }, action);
  const diedAgain = async (): Promise<DeadLetter | undefined> => {
    for await (const each of office.list(same)) if (!known.has(each.id)) return each;
    return undefined;
  };
  const deadline = clock.elapsed() + CANARY_PATIENCE;
  for (;;) {
    // Asked first: when the endpoint has nothing left afterwards, a letter of it would be there.
    const stats = (await transport.stats()).endpoints.find(({ name }) => name === endpoint);
    const again = await diedAgain();
    if (again !== undefined) return { outcome: 'died', again };
    if (stats !== undefined && stats.waiting + stats.inHand + stats.delayed === 0) return { outcome: 'settled' };
    if (clock.elapsed() > deadline) {
      const paused = stats?.states.find((state) => state.paused !== undefined)?.paused;
      const why =
        stats?.consumers === 0 ? 'nobody attends it' : paused === undefined ? 'it has work left' : `paused: ${paused}`;
      return { outcome: 'open', why };
    }
    await new Promise<void>((resolve) => clock.timer(LOOK, resolve, true));
  }
}
