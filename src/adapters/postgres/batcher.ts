import { toError } from '../../errors.ts';

export interface BatcherOptions<Question, Answer> {
  /** Answers in the order of the questions. */
  readonly ask: (questions: readonly Question[]) => Promise<readonly Answer[]>;
  /** Most batches under way. */
  readonly lanes: number;
  /** How large a question is. @unit bytes */
  readonly size: (question: Question) => number;
  /** No two questions under way have one of these in common; the later one waits for the end of the earlier one. */
  readonly marks?: (question: Question) => readonly string[];
}

interface Waiting<Question, Answer> {
  readonly question: Question;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Most questions of one statement, and about as many bytes. */
const MOST = 500;
const MOST_BYTES = 8 * 1024 * 1024;

/**
 * Puts what is asked in one turn of the event loop, and what comes while statements are under way, into one statement. A lone
 * question waits for nothing.
 */
export class Batcher<Question, Answer> {
  readonly #options: BatcherOptions<Question, Answer>;
  #waiting: Waiting<Question, Answer>[] = [];
  #running = 0;
  #scheduled = false;
  /** Of what is under way. */
  readonly #marks = new Set<string>();
  #onIdle: (() => void)[] = [];

  constructor(options: BatcherOptions<Question, Answer>) {
    this.#options = options;
  }

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running > 0 || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle.push(resolve);
      });
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#running >= this.#options.lanes) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#running < this.#options.lanes) {
        const batch = this.#take();
        if (batch.length === 0) return;
        void this.#run(batch);
      }
    });
  }

  #take(): Waiting<Question, Answer>[] {
    const { size, marks } = this.#options;
    const taken: Waiting<Question, Answer>[] = [];
    const left: Waiting<Question, Answer>[] = [];
    const marked = new Set(this.#marks);
    let bytes = 0;
    for (const each of this.#waiting) {
      const own = marks?.(each.question) ?? [];
      const fits = taken.length < MOST && bytes < MOST_BYTES && !own.some((mark) => marked.has(mark));
      // What goes later must not be overtaken by what has a mark in common with it.
      for (const mark of own) marked.add(mark);
      if (!fits) {
        left.push(each);
        continue;
      }
      bytes += size(each.question);
      for (const mark of own) this.#marks.add(mark);
      taken.push(each);
    }
    this.#waiting = left;
    return taken;
  }

  async #run(batch: readonly Waiting<Question, Answer>[]): Promise<void> {
    this.#running += 1;
    try {
      const answers = await this.#options.ask(batch.map(({ question }) => question));
      batch.forEach(({ resolve, reject }, at) => {
        const answer = answers[at];
        if (answer === undefined) reject(new RangeError('the store gave fewer answers than it was asked for'));
        else resolve(answer);
      });
    } catch (thrown) {
      const error = toError(thrown);
      for (const { reject } of batch) reject(error);
    } finally {
      this.#running -= 1;
      for (const { question } of batch)
        for (const mark of this.#options.marks?.(question) ?? []) this.#marks.delete(mark);
      if (this.#waiting.length > 0) this.#schedule();
      else if (this.#running === 0) for (const resume of this.#onIdle.splice(0)) resume();
    }
  }
}
