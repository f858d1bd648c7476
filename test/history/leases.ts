/** The time of a lease that its holder may hold on to for too long, and of one that is given back in time. */
export const leaseMs = { short: 40, long: 20_000 } as const;
