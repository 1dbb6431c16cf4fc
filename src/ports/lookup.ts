/** Tables of `sources:`, in the memory of this process. What `lookup(table, key)` and `enrich` read. */
export interface Tables {
  /**
   * The row of a key; undefined when the table has none. Rows are shared: nobody changes them. A table that was loaded again answers
   * from its new rows at once.
   * @throws WB_RESOURCE_MISSING when this process has no such table
   */
  find(table: string, key: string): unknown;
}

/** What a table is made from, read again and again. */
export interface TableReader {
  /**
   * All of it, or undefined when nothing changed since the reading of that stamp.
   * @throws WaybillError that says why it cannot be read: WB_TABLE_INVALID, WB_SOURCE_FAILED (retryable), WB_SOURCE_REFUSED
   */
  read(since?: string): Promise<TableReading | undefined>;
  /** Ends what is under way. Safe to call twice. */
  close(): Promise<void>;
}

export interface TableReading {
  /** Tells readings apart. */
  readonly stamp: string;
  readonly content: TableContent;
}

/** A text in one of two formats, or columns with the cells of each row as texts; null is no value. */
export type TableContent =
  | { readonly format: 'csv' | 'json'; readonly text: string }
  | { readonly columns: readonly string[]; readonly rows: readonly (readonly (string | null)[])[] };
