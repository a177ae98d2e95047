import { expect, test } from 'vitest';
import type { ClientReason } from '../../sdk/src/index.ts';
import { HINTS } from '../../src/cli/hints.ts';
import { isReason } from '../../src/model/reasons.ts';

const CLIENT_REASONS: Record<ClientReason, true> = {
  unreachable: true,
  stream_ended: true,
  stream_unavailable: true,
  unexpected_answer: true,
  websocket_unavailable: true,
  slow_reader: true,
  output_lost: true,
  wait_timed_out: true,
  snapshot_not_deleted: true,
  invalid_options: true,
};

test('every hint is for a reason that there is', () => {
  expect(Object.keys(HINTS).filter((reason) => !isReason(reason) && !(reason in CLIENT_REASONS))).toEqual([]);
});
