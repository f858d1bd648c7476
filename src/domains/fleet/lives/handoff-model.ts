import { z } from 'zod';

/**
 * Words. A *life* of an agent ends by death, by a restart, or when the agent is no longer active. A *handoff* is what it
 * left behind: the leases it held (free since its end), the tasks it had claimed (back in their queue), how far it had
 * come in its mail, and the notes that it wrote for whoever comes after it.
 *
 * States of a handoff: open → claimed, once.
 */
export const causes = ['death', 'restart', 'inactive', 'suspended', 'terminated'] as const;
export type Cause = (typeof causes)[number];

export const bundle = z.object({
  leases: z.array(
    z.object({
      lease: z.string(),
      token: z.int(),
      purpose: z.string(),
      expiresAt: z.int().nullable(),
      resources: z.array(z.object({ kind: z.string(), path: z.string(), mode: z.string() })),
    }),
  ),
  tasks: z.array(z.object({ task: z.string(), attempt: z.int() })),
  mail: z
    .array(z.object({ stream: z.string(), position: z.int(), head: z.int() }))
    .describe('How far it had read; nothing of what the mail says'),
});
export type Bundle = z.output<typeof bundle>;

/** That a life ended, for everybody; what it left is for whoever claims it. */
export const handoff = z.object({
  id: z.string(),
  agent: z.string(),
  incarnation: z.int(),
  cause: z.enum(causes),
  lastSeen: z.int(),
  endedAt: z.int(),
  claimedBy: z.string().nullable(),
  claimedAt: z.int().nullable(),
  seq: z.int().describe('Number of the ledger entry of its end; they are listed by it'),
});
export type Handoff = z.output<typeof handoff>;
