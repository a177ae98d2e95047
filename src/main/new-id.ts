import { uuidv7obj } from 'uuidv7';
import { idFromHex, type NewId } from '../model/ids.ts';

/** Ids from UUIDv7: ordered by time of creation, and within one process by order of making. */
export const newId: NewId = (kind) => idFromHex(kind, uuidv7obj().toHex());
