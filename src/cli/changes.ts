import {
  type CheckedConfiguration,
  changesOf,
  type Difference,
  differenceLine,
  type Host,
  type ManifestPart,
  type Proposal,
  partFile,
  partsOf,
  pauseText,
  type Survey,
  type TopologyChange,
} from '../index.ts';
import { count, type Terminal } from './terminal.ts';

/** What an apply changes, for `plan` and `apply`. */
export interface Changes {
  /** Of what the bus says: routes, services, contracts. */
  readonly differences: readonly Difference[];
  /** Of what the transport holds. */
  readonly survey: Survey;
  /** What people paused, and ends with its endpoint. */
  readonly endingPauses: Proposal['endingPauses'];
  /** The other parts of the bus, as applied. */
  readonly others: readonly OtherPart[];
}

/** A part that another repository owns. */
export interface OtherPart extends Pick<ManifestPart, 'name' | 'edition' | 'appliedAt' | 'appliedBy'> {
  /** How its file of `waybill pull` stands to it. */
  readonly pulled: 'same' | 'older' | 'missing';
}

/** Whether anything is to be done now. */
export function changesNothing({ differences, survey }: Changes): boolean {
  return differences.length === 0 && survey.changes.every(({ whenDrained }) => whenDrained === true);
}

export async function changesBy(host: Host, proposal: Proposal, checked: CheckedConfiguration): Promise<Changes> {
  const parts = partsOf(proposal.manifest).filter(({ name }) => name !== host.part);
  return {
    differences: await changesOf(proposal),
    survey: await host.transport.survey(proposal.manifest),
    endingPauses: proposal.endingPauses,
    others: parts.map((part) => {
      const { name, edition, appliedAt, appliedBy } = part;
      return { name, edition, appliedAt, appliedBy, pulled: pulledOf(part, checked) };
    }),
  };
}

function pulledOf(part: ManifestPart, { pulled }: CheckedConfiguration): OtherPart['pulled'] {
  const mine = pulled.find((each) => each.part === part.name);
  if (mine === undefined) return 'missing';
  const here = partFile({ ...part, definition: mine })?.text;
  return here === partFile(part)?.text ? 'same' : 'older';
}

/** As JSON: `differences` as they are, and what the transport would do. */
export function changesData({ differences, survey, endingPauses, others }: Changes): object {
  return { differences, transport: survey.changes, drift: survey.drift ?? null, endingPauses, parts: others };
}

export function printChanges(terminal: Terminal, changes: Changes, heading: string): void {
  const { differences, survey, endingPauses, others } = changes;
  printParts(terminal, others);
  if (!changesNothing(changes)) terminal.print(heading);
  const colors = { added: 'green', changed: 'yellow', removed: 'red' } as const;
  for (const one of differences) terminal.print(`  ${terminal.style(colors[one.change], differenceLine(one))}`);
  const later = survey.changes.filter(({ whenDrained }) => whenDrained === true);
  printTopology(
    terminal,
    'on the transport:',
    survey.changes.filter((each) => !later.includes(each)),
  );
  printTopology(terminal, 'on the transport, by an `apply` once what waits there is handled:', later);
  for (const [endpoint, pause] of Object.entries(endingPauses)) {
    const text = `! ${endpoint} is paused ${pauseText(pause)}; that ends with it, also for what still waits there`;
    terminal.print(`  ${terminal.style('yellow', text)}`);
  }
  if (survey.drift === undefined || survey.drift.length === 0) return;
  terminal.print('on the transport, and of no plan:');
  for (const each of survey.drift) terminal.print(`  ${terminal.style('yellow', each)}`);
}

function printTopology(terminal: Terminal, heading: string, changes: readonly TopologyChange[]): void {
  if (changes.length > 0) terminal.print(heading);
  const signs = { add: ['+', 'green'], change: ['~', 'yellow'], remove: ['-', 'red'] } as const;
  for (const { action, what, name, note } of changes) {
    const [sign, color] = signs[action];
    terminal.print(`  ${terminal.style(color, `${sign} ${what} ${name}`)}${note === undefined ? '' : ` (${note})`}`);
  }
}

function printParts(terminal: Terminal, others: readonly OtherPart[]): void {
  if (others.length === 0) return;
  terminal.print(`${count(others.length, 'other part')} of the bus, which stay as they are:`);
  for (const { name, edition, appliedAt, appliedBy } of others) {
    terminal.print(`  ${name}, edition ${edition}, applied ${appliedAt} by ${appliedBy}`);
  }
  const stale = others.filter(({ pulled }) => pulled !== 'same').map(({ name }) => name);
  if (stale.length === 0) return;
  terminal.note(
    terminal.style(
      'yellow',
      `parts/ is behind for ${stale.join(', ')}: \`waybill pull\` fetches what is applied`,
      'stderr',
    ),
  );
}
