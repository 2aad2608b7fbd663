// The two kinds of failures: the service refuses a request, or there is no response.

import type { Problem, ProblemCode, Usage } from "./generated/types.gen.ts";
import { retryAfterMs } from "./retry-after.ts";

/** A problem document (RFC 9457), as far as it is known. A newer service may have further codes. */
export type ProblemBody = Partial<Omit<Problem, "code">> & {
  code?: ProblemCode | (string & {});
  /** When the quota or the spending cap begins anew. */
  resets_at?: string;
  usage?: Usage;
};

/** The service has refused the request. */
export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly status: number;
  readonly body: ProblemBody;
  /** Seconds. */
  readonly retryAfter: number | null;

  constructor(status: number, body: ProblemBody, retryAfter: number | null) {
    super(body.detail ?? body.code ?? `The service answered ${status}.`);
    this.status = status;
    this.body = body;
    this.retryAfter = retryAfter;
  }

  /** The stable code to branch on. */
  get code(): ProblemCode | (string & {}) | undefined {
    return this.body.code;
  }

  /** Finds the request in the logs of the service. */
  get requestId(): string | undefined {
    return this.body.request_id;
  }
}

/** There was no complete response: no connection, or no answer in time. `cause` has the reason. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
}

export async function problemOf(response: Response): Promise<ApiProblem> {
  const body = (await response.json().catch(() => ({}))) as ProblemBody;
  return new ApiProblem(response.status, body, retryAfterSeconds(response));
}

export function retryAfterSeconds(response: Response): number | null {
  const wait = retryAfterMs(response.headers);
  return wait === null ? null : Math.ceil(wait / 1000);
}

/** Whether the failure of a request passes, so that the request is worth repeating. */
export const isPassing = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof ApiProblem && (error.status === 429 || error.status >= 500));
