/** How a request to back something up was taken. */
export interface Enqueued {
  /** The job to follow; another's id when this request joined it. */
  jobId: string;
  /** `new`: a job of its own. `successor`: it follows the one that is active now. `joined`: one that waits already serves it. */
  as: 'new' | 'successor' | 'joined';
}
