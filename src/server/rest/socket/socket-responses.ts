import { responses } from '../answers.ts';

/** What a WebSocket's route answers to the request that opens it. */
export const socketResponses = { ...responses({}), 101: { description: 'The connection is a WebSocket from here on.' } };
