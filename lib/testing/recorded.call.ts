/** A cast or a call that was made. */
export interface RecordedCall {
  readonly name: string;
  readonly args: readonly unknown[];
}
