/** A lease, and the token that its holder was given with it: whoever was granted the thing later has a greater one. */
export interface Fence {
  readonly lease: string;
  readonly token: number;
}
