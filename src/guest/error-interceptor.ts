import { ConnectError, type Interceptor } from '@connectrpc/connect';
import { GuestError } from './guest-error.ts';

/** Turns what services throw into errors of the Connect protocol, with their reason. */
export const errorInterceptor: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: withErrors(response.message) } : response;
  } catch (error) {
    throw toConnectError(error);
  }
};

async function* withErrors<T>(messages: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* messages;
  } catch (error) {
    throw toConnectError(error);
  }
}

function toConnectError(thrown: unknown): ConnectError {
  return thrown instanceof ConnectError ? thrown : GuestError.from(thrown).toConnectError();
}
