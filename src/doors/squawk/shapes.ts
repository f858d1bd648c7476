import type { z } from 'zod';
import type * as specialists from '../../domains/fleet/specialists/operations.ts';
import type { Lease } from '../../domains/locks/model.ts';
import type { Cursor as MailCursor, Event as MailEvent, StreamState } from '../../domains/mail/model.ts';

import { isoTime } from '../../kernel/clock.ts';

/** Records under the names that seed 002 gives them. Extra keys are allowed there, renamed ones are not. */

export interface Mailbox {
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface Event {
  readonly sequence_number: number;
  readonly event_id: string;
  readonly event_type: string;
  readonly stream_type: string;
  readonly stream_id: string;
  readonly data: unknown;
  readonly causation_id: string | null;
  readonly correlation_id: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly occurred_at: string;
  readonly recorded_at: string;
  readonly schema_version: number;
  /** The older names of `event_id`, `event_type` and `stream_id`. */
  readonly id: string;
  readonly type: string;
  readonly mailbox_id: string | null;
}

export interface Cursor {
  readonly id: string;
  readonly stream_type: string;
  readonly stream_id: string;
  readonly position: number;
  readonly consumer_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface Lock {
  readonly id: string;
  readonly file: string;
  readonly normalized_path: string;
  readonly reserved_by: string;
  readonly reserved_at: string;
  readonly released_at: string | null;
  readonly purpose: string;
  readonly checksum: string | null;
  /** Null for a lock that never expires, as is `expires_at`. */
  readonly timeout_ms: number | null;
  readonly expires_at: string | null;
  readonly status: string;
  readonly fencing_token: number;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface Specialist {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly capabilities: readonly string[];
  readonly registered_at: string;
  readonly last_seen: string;
  readonly current_sortie: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export function mailboxOf(stream: Pick<StreamState, 'stream' | 'createdAt' | 'updatedAt'>): Mailbox {
  return { id: stream.stream, created_at: stream.createdAt, updated_at: stream.updatedAt };
}

export function eventOf(event: MailEvent): Event {
  return {
    sequence_number: event.position,
    event_id: event.id,
    event_type: event.type,
    stream_type: 'squawk',
    stream_id: event.stream,
    data: event.data,
    causation_id: event.causationId,
    correlation_id: event.correlationId,
    metadata: event.metadata,
    occurred_at: event.occurredAt,
    recorded_at: event.recordedAt,
    schema_version: 1,
    id: event.id,
    type: event.type,
    mailbox_id: event.stream,
  };
}

export function cursorOf(cursor: MailCursor): Cursor {
  return {
    id: cursor.id,
    stream_type: 'squawk',
    stream_id: cursor.stream,
    position: cursor.position,
    consumer_id: cursor.consumer,
    created_at: cursor.createdAt,
    updated_at: cursor.updatedAt,
  };
}

/** One lock for each resource of a lease: the seed knows locks on one file only. */
export function locksOf(lease: Lease): Lock[] {
  return lease.resources.map((resource) => ({
    id: resource.id,
    file: resource.file,
    normalized_path: resource.path,
    reserved_by: lease.holder,
    reserved_at: isoTime(lease.reservedAt),
    released_at: timeOrNull(lease.releasedAt),
    purpose: lease.purpose,
    checksum: lease.checksum,
    timeout_ms: lease.ttlMs,
    expires_at: timeOrNull(lease.expiresAt),
    status: lease.status,
    fencing_token: lease.token,
    metadata: lease.metadata,
  }));
}

/** The lock of a lease that has this id or lies on this path; its first one when no resource is named. */
export function lockOf(lease: Lease, { id, path }: { id?: string; path?: string } = {}): Lock {
  const locks = locksOf(lease);
  return locks.find((lock) => lock.id === id || lock.normalized_path === path) ?? locks[0]!;
}

function timeOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : isoTime(milliseconds);
}

export function specialistOf(specialist: z.output<typeof specialists.register.output>): Specialist {
  return {
    id: specialist.id,
    name: specialist.name,
    status: specialist.status,
    capabilities: specialist.capabilities,
    registered_at: specialist.registeredAt,
    last_seen: specialist.lastSeen,
    current_sortie: specialist.currentSortie,
    metadata: specialist.metadata,
  };
}
