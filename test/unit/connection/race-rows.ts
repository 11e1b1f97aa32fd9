import type { Row } from './race-story.js';

/**
 * A client in each of its states, and everything that can hit it there. `now` is its status when
 * that has settled; `later`, when the callback that was running has returned and the peer has ended
 * what was closing. `ran` and `wire`: the callbacks and the traffic of both. `outcome`: of the call.
 *
 * preparing: `@BeforeConnect` runs. busy: a handler runs. stopping: busy, and stopped. closing: the
 * peer's close frame is awaited. deciding: `@OnDisconnect` runs, of a session that was lost or
 * closed by us. ending: `@OnTerminate` runs.
 */
const TABLE = `
state            | hit              | now        | later      | ran                                                 | wire                   | outcome
idle             | close(4000)      | idle       | idle       |                                                     |                        | resolves
idle             | close twice      | idle       | idle       |                                                     |                        | resolves
idle             | reconnect()      | idle       | idle       |                                                     |                        | rejects NotConnectedError
idle             | reconnect force  | idle       | idle       |                                                     |                        | rejects NotConnectedError
idle             | stop()           | terminated | terminated |                                                     |                        | resolves local 1000
idle             | start()          | connecting | connecting | beforeConnect                                       | 1:dial                 | waits
idle             | sendFrame        | idle       | idle       |                                                     |                        | rejects NotConnectedError
idle             | cast             | idle       | idle       |                                                     |                        |
idle             | info             | idle       | idle       |                                                     |                        |
idle             | call             | idle       | idle       |                                                     |                        | rejects NotConnectedError
idle             | crash            | idle       | idle       |                                                     |                        | rejects NotConnectedError
idle             | timer            | idle       | idle       |                                                     |                        | resolves none
preparing        | close(4000)      | closing    | terminated |                                                     |                        | resolves
preparing        | close twice      | closing    | terminated |                                                     |                        | resolves
preparing        | reconnect()      | connecting | connecting |                                                     | 1:dial                 | waits
preparing        | reconnect force  | connecting | connecting | beforeConnect                                       | 1:dial                 | waits
preparing        | stop()           | closing    | terminated |                                                     |                        | waits, resolves local 1000
preparing        | start()          | connecting | connecting |                                                     | 1:dial                 | waits
preparing        | sendFrame        | connecting | connecting |                                                     | 1:dial                 | rejects NotConnectedError
preparing        | cast             | connecting | connecting |                                                     | 1:dial                 |
preparing        | info             | connecting | connecting |                                                     | 1:dial                 |
preparing        | call             | connecting | connecting | call                                                | 1:dial                 | waits, resolves answer
preparing        | crash            | connecting | terminated | call                                                | 1:dial, 1:cut          | waits, rejects RangeError
preparing        | timer            | connecting | connecting |                                                     | 1:dial                 | resolves none
preparing        | callback rejects | backoff    | backoff    | disconnect(ConnectionError)                         |                        |
preparing        | late events      | connecting | connecting |                                                     | 2:dial                 |
dialling         | close(4000)      | terminated | terminated |                                                     | 1:cut                  | resolves
dialling         | close twice      | terminated | terminated |                                                     | 1:cut                  | resolves
dialling         | reconnect()      | connecting | connecting |                                                     |                        | waits
dialling         | reconnect force  | connecting | connecting | beforeConnect                                       | 1:cut, 2:dial          | waits
dialling         | stop()           | terminated | terminated |                                                     | 1:cut                  | resolves local 1000
dialling         | start()          | connecting | connecting |                                                     |                        | waits
dialling         | sendFrame        | connecting | connecting |                                                     |                        | rejects NotConnectedError
dialling         | cast             | connecting | connecting |                                                     |                        |
dialling         | info             | connecting | connecting |                                                     |                        |
dialling         | call             | connecting | connecting | call                                                |                        | resolves answer
dialling         | crash            | terminated | terminated | call                                                | 1:cut                  | rejects RangeError
dialling         | socket end       | backoff    | backoff    | disconnect(ConnectionError)                         |                        |
dialling         | socket error     | backoff    | backoff    | disconnect(ConnectionError)                         |                        |
dialling         | timer            | backoff    | backoff    | disconnect(ConnectionError)                         | 1:cut                  | waits, resolves fires
dialling         | late events      | connecting | connecting |                                                     |                        |
open             | close(4000)      | closing    | terminated | disconnect(local 4000), terminate(local 4000)       | 1:close 4000           | waits, resolves
open             | close twice      | closing    | terminated | disconnect(local), terminate(local)                 | 1:close                | waits, resolves
open             | reconnect()      | closing    | backoff    | disconnect(local 1000)                              | 1:close 1000           | waits
open             | reconnect force  | backoff    | backoff    | disconnect(local 1000)                              | 1:cut                  | waits
open             | stop()           | closing    | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           | waits, resolves local 1000
open             | start()          | open       | open       |                                                     |                        | resolves
open             | sendFrame        | open       | open       |                                                     | 1:text x               | resolves
open             | cast             | open       | open       | cast                                                | 1:text x               |
open             | info             | open       | open       | info                                                | 1:text x               |
open             | call             | open       | open       | call                                                |                        | resolves answer
open             | crash            | terminated | terminated | call, terminate(RangeError)                         | 1:close 1011, 1:end    | rejects RangeError
open             | socket end       | backoff    | backoff    | disconnect(remote 1006)                             |                        |
open             | socket error     | backoff    | backoff    | disconnect(remote 1006)                             |                        |
open             | found dead       | backoff    | backoff    | disconnect(ConnectionError)                         | 1:cut                  |
open             | peer end         | closing    | backoff    | disconnect(remote 1006)                             |                        |
open             | peer close       | closing    | backoff    | disconnect(remote 1001)                             | 1:close 1001           |
open             | protocol error   | closing    | backoff    | disconnect(local 1002)                              | 1:close 1002           |
open             | timer            | open       | open       |                                                     |                        | resolves none
open             | text             | open       | open       | frame                                               |                        |
open             | ping             | open       | open       |                                                     | 1:pong p               |
open             | late events      | open       | open       |                                                     |                        |
busy             | close(4000)      | closing    | terminated | disconnect(local 4000), terminate(local 4000)       | 1:close 4000           | waits, resolves
busy             | close twice      | closing    | terminated | disconnect(local), terminate(local)                 | 1:close                | waits, resolves
busy             | reconnect()      | closing    | backoff    | disconnect(local 1000)                              | 1:close 1000           | waits
busy             | reconnect force  | closing    | backoff    | disconnect(local 1000)                              | 1:cut                  | waits
busy             | stop()           | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           | waits, resolves local 1000
busy             | start()          | open       | open       |                                                     |                        | resolves
busy             | sendFrame        | open       | open       |                                                     | 1:text x               | resolves
busy             | cast             | open       | open       | cast                                                | 1:text x               |
busy             | info             | open       | open       | info                                                | 1:text x               |
busy             | call             | open       | open       | call                                                |                        | waits, resolves answer
busy             | crash            | open       | terminated | call, terminate(RangeError)                         | 1:close 1011, 1:end    | waits, rejects RangeError
busy             | socket end       | closing    | backoff    | disconnect(remote 1006)                             |                        |
busy             | socket error     | closing    | backoff    | disconnect(remote 1006)                             |                        |
busy             | found dead       | closing    | backoff    | disconnect(ConnectionError)                         | 1:cut                  |
busy             | peer end         | closing    | backoff    | disconnect(remote 1006)                             |                        |
busy             | peer close       | open       | backoff    | disconnect(remote 1001)                             | 1:close 1001           |
busy             | protocol error   | closing    | backoff    | disconnect(local 1002)                              | 1:close 1002           |
busy             | timer            | open       | open       |                                                     |                        | resolves none
busy             | text             | open       | open       | frame                                               |                        |
busy             | ping             | open       | open       |                                                     | 1:pong p               |
busy             | callback rejects | terminated | terminated | terminate(RangeError)                               | 1:close 1011, 1:end    |
busy             | late events      | open       | open       |                                                     |                        |
closing          | close(4000)      | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        | waits, resolves
closing          | close twice      | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        | waits, resolves
closing          | reconnect()      | closing    | backoff    | disconnect(local 1000)                              |                        | waits
closing          | reconnect force  | backoff    | backoff    | disconnect(local 1000)                              | 1:cut                  | waits
closing          | stop()           | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        | waits, resolves local 1000
closing          | start()          | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        | waits, rejects ConnectionError
closing          | sendFrame        | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        | rejects NotConnectedError
closing          | cast             | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | info             | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | call             | closing    | terminated | call, disconnect(local 1000), terminate(local 1000) |                        | resolves answer
closing          | crash            | terminated | terminated | call, terminate(RangeError)                         | 1:end                  | rejects RangeError
closing          | socket end       | terminated | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | socket error     | terminated | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | found dead       | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | peer end         | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | peer close       | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | timer            | terminated | terminated | disconnect(local 1000), terminate(local 1000)       | 1:cut                  | waits, resolves fires
closing          | text             | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | ping             | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
closing          | late events      | closing    | terminated | disconnect(local 1000), terminate(local 1000)       |                        |
stopping         | close(4000)      | closing    | terminated | disconnect(local 4000), terminate(local 4000)       | 1:close 4000           | waits, resolves
stopping         | close twice      | closing    | terminated | disconnect(local), terminate(local)                 | 1:close                | waits, resolves
stopping         | reconnect()      | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           | rejects NotConnectedError
stopping         | reconnect force  | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           | rejects NotConnectedError
stopping         | stop()           | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           | waits, resolves local 1000
stopping         | start()          | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           | resolves
stopping         | sendFrame        | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:text x, 1:close 1000 | resolves
stopping         | cast             | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           | throws NotConnectedError
stopping         | info             | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           | throws NotConnectedError
stopping         | call             | open       | terminated | call, disconnect(local 1000), terminate(local 1000) | 1:close 1000           | waits, resolves answer
stopping         | crash            | open       | terminated | call, terminate(RangeError)                         | 1:close 1000, 1:end    | waits, rejects RangeError
stopping         | socket end       | closing    | terminated | disconnect(remote 1006), terminate(remote 1006)     |                        |
stopping         | socket error     | closing    | terminated | disconnect(remote 1006), terminate(remote 1006)     |                        |
stopping         | found dead       | closing    | terminated | disconnect(ConnectionError), terminate(ConnectionError) | 1:cut                  |
stopping         | peer end         | closing    | terminated | disconnect(remote 1006), terminate(remote 1006)     |                        |
stopping         | peer close       | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           |
stopping         | protocol error   | closing    | terminated | disconnect(local 1002), terminate(local 1002)       | 1:close 1002           |
stopping         | timer            | closing    | terminated | disconnect(local 1001), terminate(local 1001)       | 1:close 1001           | waits, resolves fires
stopping         | text             | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:close 1000           |
stopping         | ping             | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 1:pong p, 1:close 1000 |
stopping         | callback rejects | terminated | terminated | terminate(RangeError)                               | 1:close 1011, 1:end    |
stopping         | late events      | open       | terminated | disconnect(local 1000), terminate(local 1000)       | 2:close 1000           |
deciding, lost   | close(4000)      | closing    | terminated | terminate(remote 1006)                              |                        | resolves
deciding, lost   | close twice      | closing    | terminated | terminate(remote 1006)                              |                        | resolves
deciding, lost   | reconnect()      | closing    | backoff    |                                                     |                        | waits
deciding, lost   | reconnect force  | closing    | backoff    |                                                     |                        | waits
deciding, lost   | stop()           | closing    | terminated | terminate(remote 1006)                              |                        | waits, resolves remote 1006
deciding, lost   | start()          | closing    | backoff    |                                                     |                        | waits
deciding, lost   | sendFrame        | closing    | backoff    |                                                     |                        | rejects NotConnectedError
deciding, lost   | cast             | closing    | backoff    |                                                     |                        |
deciding, lost   | info             | closing    | backoff    |                                                     |                        |
deciding, lost   | call             | closing    | backoff    | call                                                |                        | waits, resolves answer
deciding, lost   | crash            | closing    | terminated | call, terminate(RangeError)                         |                        | waits, rejects RangeError
deciding, lost   | timer            | closing    | backoff    |                                                     |                        | resolves none
deciding, lost   | callback rejects | terminated | terminated | terminate(RangeError)                               |                        |
deciding, lost   | late events      | closing    | backoff    |                                                     |                        |
deciding, closed | close(4000)      | closing    | terminated | terminate(local 1000)                               |                        | resolves
deciding, closed | close twice      | closing    | terminated | terminate(local 1000)                               |                        | resolves
deciding, closed | reconnect()      | closing    | backoff    |                                                     |                        | waits
deciding, closed | reconnect force  | closing    | backoff    |                                                     |                        | waits
deciding, closed | stop()           | closing    | terminated | terminate(local 1000)                               |                        | waits, resolves local 1000
deciding, closed | start()          | closing    | terminated | terminate(local 1000)                               |                        | waits, rejects ConnectionError
deciding, closed | sendFrame        | closing    | terminated | terminate(local 1000)                               |                        | rejects NotConnectedError
deciding, closed | cast             | closing    | terminated | terminate(local 1000)                               |                        |
deciding, closed | info             | closing    | terminated | terminate(local 1000)                               |                        |
deciding, closed | call             | closing    | terminated | terminate(local 1000)                               |                        | waits, rejects NotConnectedError
deciding, closed | crash            | closing    | terminated | terminate(local 1000)                               |                        | waits, rejects NotConnectedError
deciding, closed | timer            | closing    | terminated | terminate(local 1000)                               |                        | resolves none
deciding, closed | callback rejects | terminated | terminated | terminate(RangeError)                               |                        |
deciding, closed | late events      | closing    | terminated | terminate(local 1000)                               |                        |
backoff          | close(4000)      | terminated | terminated | terminate(local 4000)                               |                        | resolves
backoff          | close twice      | terminated | terminated | terminate(local)                                    |                        | resolves
backoff          | reconnect()      | connecting | connecting | beforeConnect                                       | 2:dial                 | waits
backoff          | reconnect force  | connecting | connecting | beforeConnect                                       | 2:dial                 | waits
backoff          | stop()           | terminated | terminated | terminate(local 1000)                               |                        | resolves local 1000
backoff          | start()          | backoff    | backoff    |                                                     |                        | waits
backoff          | sendFrame        | backoff    | backoff    |                                                     |                        | rejects NotConnectedError
backoff          | cast             | backoff    | backoff    |                                                     |                        |
backoff          | info             | backoff    | backoff    |                                                     |                        |
backoff          | call             | backoff    | backoff    | call                                                |                        | resolves answer
backoff          | crash            | terminated | terminated | call, terminate(RangeError)                         |                        | rejects RangeError
backoff          | timer            | connecting | connecting | beforeConnect                                       | 2:dial                 | waits, resolves fires
backoff          | late events      | backoff    | backoff    |                                                     |                        |
ending           | close(4000)      | closing    | terminated |                                                     |                        | resolves
ending           | close twice      | closing    | terminated |                                                     |                        | resolves
ending           | reconnect()      | closing    | terminated |                                                     |                        | rejects NotConnectedError
ending           | reconnect force  | closing    | terminated |                                                     |                        | rejects NotConnectedError
ending           | stop()           | closing    | terminated |                                                     |                        | waits, resolves local 1000
ending           | start()          | closing    | terminated |                                                     |                        | rejects NotConnectedError
ending           | sendFrame        | closing    | terminated |                                                     |                        | rejects NotConnectedError
ending           | cast             | closing    | terminated |                                                     |                        | throws NotConnectedError
ending           | info             | closing    | terminated |                                                     |                        | throws NotConnectedError
ending           | call             | closing    | terminated |                                                     |                        | rejects NotConnectedError
ending           | crash            | closing    | terminated |                                                     |                        | rejects NotConnectedError
ending           | timer            | closing    | terminated |                                                     |                        | resolves none
ending           | callback rejects | terminated | terminated |                                                     |                        |
ending           | late events      | closing    | terminated |                                                     |                        |
terminated       | close(4000)      | terminated | terminated |                                                     |                        | resolves
terminated       | close twice      | terminated | terminated |                                                     |                        | resolves
terminated       | reconnect()      | terminated | terminated |                                                     |                        | rejects NotConnectedError
terminated       | reconnect force  | terminated | terminated |                                                     |                        | rejects NotConnectedError
terminated       | stop()           | terminated | terminated |                                                     |                        | resolves local 1000
terminated       | start()          | terminated | terminated |                                                     |                        | rejects NotConnectedError
terminated       | sendFrame        | terminated | terminated |                                                     |                        | rejects NotConnectedError
terminated       | cast             | terminated | terminated |                                                     |                        | throws NotConnectedError
terminated       | info             | terminated | terminated |                                                     |                        | throws NotConnectedError
terminated       | call             | terminated | terminated |                                                     |                        | rejects NotConnectedError
terminated       | crash            | terminated | terminated |                                                     |                        | rejects NotConnectedError
terminated       | timer            | terminated | terminated |                                                     |                        | resolves none
terminated       | late events      | terminated | terminated |                                                     |                        |
`;

const [head = [], ...lines] = TABLE.trim()
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()));

/** The lines of the table. */
export const ROWS = lines.map(
  (cells) => Object.fromEntries(head.map((name, i) => [name, cells[i] ?? ''])) as unknown as Row,
);
