import CognitionCore
import Foundation

/// The results of one run.
struct Report: Sendable {
    let machine: Machine
    let date: Timestamp
    let repetitions: Int
    var disk = Disk.Figures()
    var measurements: [Measurement] = []

    init(machine: Machine, date: Timestamp, repetitions: Int) {
        self.repetitions = repetitions
        self.machine = machine
        self.date = date
    }

    private static let head = ["what", "measured", "beside it", "floor", "reached"]

    private var rows: [[String]] {
        measurements.map { line in
            [
                line.subject, line.figure, line.beside, line.floors.map(\.text).joined(separator: "; "),
                line.floors.map { $0.isReached ? "yes" : "NO" }.joined(separator: "; "),
            ]
        }
    }

    private var diskText: String {
        "fsync of 4 KiB: p50 \(disk.median.digits(3)) ms, p99 \(disk.percentile99.digits(3)) ms "
            + "(\(disk.samples) samples through the run)"
    }

    /// For the terminal.
    var text: String {
        let table = [Self.head] + rows
        let widths = Self.head.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        let lines = table.map { row in
            zip(row, widths).map { cell, width in cell.padding(toLength: width, withPad: " ", startingAt: 0) }
                .joined(separator: "  ").trimmingTrailingSpaces
        }
        return ([machine.description, diskText, ""] + lines).joined(separator: "\n")
    }

    var markdown: String {
        let lines = ([Self.head, Self.head.map { _ in "---" }] + rows).map { "| \($0.joined(separator: " | ")) |" }
        return """
            # Benchmarks

            Written by `make bench`, on a release build.

            - Date: \(date.description.prefix(10)), release \(Release.version)
            - Machine: \(machine.description)
            - Disk: \(diskText)
            - Durability: SQLite with `synchronous=FULL` in WAL mode, PostgreSQL with its standard settings on the same
              disk and the same two cores; nothing is answered before it is durable

            Medians of \(repetitions) repetitions unless a line says otherwise. Small shared machines are noisy, and
            their disks most of all, so a figure counts as a ratio to what stands beside it, which was measured in
            turns with it in the same run.

            \(lines.joined(separator: "\n"))

            ## What is measured

            - **Executions**: `do` of three calls of a function that does nothing, through the engine, from the
              request to the durable end that the caller has read; each execution is four commits: the start, and one
              after each task. DBOS is a durable workflow library in Python; its 71 executions/s of three steps on
              SQLite with WAL were measured elsewhere and are no part of this run.
            - **Latency**: the same executions one at a time, with four samples of the disk after each. *Between two
              calls* is the time from the end of one task's call to the beginning of the next one's: what durability
              adds to a task.
            - **Tasks**: one execution at a time, from the request to the durable end; its time divided by its tasks, and
              what the file has grown. *Pure tasks* are `set`; *effect tasks* call a function that does nothing, and
              each waits for its commit. *Branches that sleep* all `wait` for the same second, which is in the figure:
              what counts is that it does not grow with the number of branches.
            - **Waiting**: executions are posted to `cognitionos serve` until there are 100,000; what its resident
              memory has grown 15 s after the last one, and what a server has more that is started on the same folder
              than the empty one had.
            - **Events**: appends of 64 callers at once, each to its own stream, and of batches of 100 events. Raw SQL
              is one thread that steps prepared statements through the C interface into the same tables of the same
              file, the appends of all callers to a transaction, with everything encoded and hashed beforehand. On
              PostgreSQL it is one connection of libpq that sends a prepared statement for each row, all of a
              transaction together in pipeline mode; pgbench runs the same statements in a transaction for each append.
            - **The log**: 200,000 events read in pages of 1,000, the data of each parsed; raw SQL reads the
              same columns and looks at nothing. *Projected* is a rebuild from the first event on, with a row for each.
              A *state* is folded from a snapshot and the 199 events after it, the most there can be. *Followed* is one
              event after the other, from the call of the append until a subscriber is handed it: in the same process
              on SQLite, over another node's connection on PostgreSQL.
            - **Two servers** on one PostgreSQL run executions of a task that waits for half a second, 64 at once on
              each; one server gets all of them, or each of the two half of twice as many.
            - **Recovery**: 10,000 executions that wait for an hour; from opening the file until a new execution of
              three tasks has ended. *After a crash* all of them belong to a process that is gone, and have to be
              freed and read again.
            - **Search**: the descriptions of Debian's packages, indexed by one thread into one field with English stems,
              and queries sampled from them, 300 of each kind, asked one after the other for ten hits. tantivy (Python package
              `tantivy`, one writer thread) and SQLite's FTS5 (`porter`) are asked the same from Python, in turns; what
              makes a query of a text is not in their time. The misspelt words have one random edit.
            - **Expressions**: parse a JSON text, evaluate, print the results; the jq C library does the same, by
              `tojson`, in the Python package `jq`, timed inside Python and given many texts at once. A ratio above 1
              says that ours is faster.
            - **GET of an execution**: wrk with one thread on the same machine asks `cognitionos serve` for the same
              execution again and again, 8 s each time. FastAPI on uvicorn with uvloop and httptools checks the same
              token with PyJWT and answers the same bytes from one row of SQLite (`Scripts/bench_peer.py`).
            - **Executions over HTTP**: wrk posts `workflows/execute`; an answer comes after the commit that stores the
              execution. *Completed* counts until as many have ended as were acknowledged.
            - **WebSockets**: clients in this process, the server in another. The time of an event is taken where its
              append is asked for, so *from an append* has its commit in it. *From the commit* is what a client sees
              that started the execution itself: how much later than the answer the event is there.
            - **WebSockets at once**: one thread of this process has all of them and sends the load, in turns to each
              server. Each message of a room of ours is durable before anybody hears of it. The others pass on what
              comes, and keep nothing: nginx with nchan (two workers, 100 messages in memory), and Python's
              `websockets`, `picows` and `socketify`, which is uWebSockets (`Scripts/bench_socket_peer.py`). Messages of
              all have the same size. They are counted at each socket, frame by frame, those of ours also by their
              offsets, and one is through once the last socket has it. Those who read nothing keep 4 KiB, and are full
              before it is measured what the others get. A WebSocket of ours that comes back is told all that it
              missed; of others the handshake is all there is.
            - **Messages of many rooms**: in this process, through the façade that the server uses, without sockets.
            - **Refresh**: one thread has 64 sessions; in each round it asks for all of them, then reads the answers. Each
              is a commit.
            - **Logins**: a flood of logins with the right password at bcrypt's cost 12, and GETs of an execution beside
              it: 500 a second over one connection, each timed from the moment at which it was due; and as many as 8
              connections can, where logins get what is left.
            - **A million users**: rows of users, workspaces and members written behind a stopped server's back, with
              one password that costs little; the same requests of a server with a thousand, in turns. Logins are of
              users picked by chance.
            - **Observability**: the same requests as *GET of an execution*, of two servers in turns. One keeps metrics,
              writes its log and sends the spans of as many requests as its settings have it record (1,000 a second) to a
              sink in this process, which takes part of the same two cores; the other does none of it.
            - **Start**: from making the process until `health/ready` answers 200, with standard settings. Resident
              memory is the kernel's `VmRSS`, shared libraries included; a WebSocket has logged in and subscribed to
              nothing.

            """
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        String(self[..<(lastIndex { $0 != " " }.map(index(after:)) ?? startIndex)])
    }
}

enum Terminal {
    static func write(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

    /// For whoever waits; not a part of the result.
    static func progress(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
