import CognitionCore
import CognitionHTTPClient
import CognitionObservability
import CognitionSandbox
import Foundation

/// Looks at everything that the program needs, with or without a running server, and changes nothing.
struct Doctor {
    let configuration: ServerConfiguration
    /// The server that holds the data folder, if one does.
    let server: RemoteServer?
    /// Whether what others have to answer is asked for: model providers, the receiver of traces.
    let asksOthers: Bool

    func examine() async -> [Diagnosis] {
        var found = settings + [folder, disk, writes, clock, openFiles]
        found += await database
        found += await redis
        found += await rabbitMQ
        found.append(address)
        if let server { found += await checks(of: server) }
        found.append(await sandbox)
        found += await others
        return found
    }

    // MARK: Settings

    private var settings: [Diagnosis] {
        var found: [Diagnosis] = []
        do {
            try configuration.checkConflicts()
            found.append(Diagnosis(name: "configuration", status: .ok, message: "the settings work together"))
        } catch {
            found.append(
                Diagnosis(
                    name: "configuration", status: .failed, message: "\(error)",
                    advice:
                        "change these settings; cognitionos check prints what is in force, Docs/Configuration.md what may be"
                ))
        }
        found += configuration.warnings.map {
            Diagnosis(
                name: "configuration", status: .warning, message: $0,
                advice: "look for a slip of the pen, or take the variable away")
        }
        if configuration[.environment].lowercased() == "production", configuration.isOn(.enableMetrics),
            !["127.0.0.1", "::1", "localhost"].contains(configuration[.host]), configuration[.metricsToken].isEmpty
        {
            found.append(
                Diagnosis(
                    name: "metrics", status: .warning, message: "other machines get no metrics",
                    advice: "set OBSERVABILITY_METRICS_TOKEN, and give it to Prometheus as its bearer token"))
        }
        return found
    }

    // MARK: The data folder

    private var path: String { configuration.dataDirectory }

    private var folder: Diagnosis {
        guard access(path, F_OK) == 0 else {
            let reason = String(cString: strerror(errno))
            guard errno == ENOENT else {
                return Diagnosis(
                    name: "data folder", status: .failed, message: "\(path): \(reason)",
                    advice: "let this user reach the folder, or name another one with DATA_DIR")
            }
            let parent = existingParent
            guard access(parent, W_OK | X_OK) == 0 else {
                return Diagnosis(
                    name: "data folder", status: .failed,
                    message: "\(path) is not there, and this user may not write into \(parent)",
                    advice: "make the folder and give it to this user, or name another one with DATA_DIR")
            }
            return Diagnosis(
                name: "data folder", status: .ok, message: "\(path) is not there yet; it is made when it is needed")
        }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue,
            access(path, R_OK | W_OK | X_OK) == 0
        else {
            return Diagnosis(
                name: "data folder", status: .failed, message: "\(path) is no folder that this user may write into",
                advice: "chown it to the user that runs the server, or name another one with DATA_DIR")
        }
        let open = [path, KeyFile.path(in: path), ServerFiles.tokenPath(in: path)].filter { file in
            // One that cannot be looked at is not open to others.
            guard let rights = try? PrivateFile.rights(of: file) else { return false }
            return rights & 0o077 != 0
        }
        guard open.isEmpty else {
            return Diagnosis(
                name: "data folder", status: .warning, message: "others may look into \(open.joined(separator: ", "))",
                advice: "chmod go-rwx " + open.joined(separator: " "))
        }
        return Diagnosis(name: "data folder", status: .ok, message: "\(path) belongs to this user alone")
    }

    /// The nearest folder around the data folder that is there.
    private var existingParent: String {
        var url = URL(fileURLWithPath: path)
        while url.path != "/", access(url.path, F_OK) != 0 { url.deleteLastPathComponent() }
        return url.path
    }

    private var disk: Diagnosis {
        do {
            let space = try DiskSpace(ofFolder: existingParent)
            let message = "\(Self.size(space.freeBytes)) of \(Self.size(space.totalBytes)) are free"
            let details: JSONObject = [
                "free_bytes": .integer(Int64(clamping: space.freeBytes)),
                "total_bytes": .integer(Int64(clamping: space.totalBytes)),
            ]
            guard space.status != .healthy else {
                return Diagnosis(name: "disk space", status: .ok, message: message, details: details)
            }
            return Diagnosis(
                name: "disk space", status: space.status == .degraded ? .warning : .failed, message: message,
                advice: "make room, or move DATA_DIR to a larger disk; a full disk refuses every write",
                details: details
            )
        } catch {
            return Diagnosis(name: "disk space", status: .skipped, message: "cannot be looked at: \(error)")
        }
    }

    /// How long it takes to make a write durable, which every commit waits for.
    private var writes: Diagnosis {
        let parent = existingParent
        guard access(parent, W_OK) == 0 else {
            return Diagnosis(name: "disk speed", status: .skipped, message: "\(parent) cannot be written")
        }
        guard let times = DiskSpeed.syncTimes(in: parent), let median = times.median else {
            return Diagnosis(
                name: "disk speed", status: .failed, message: "a file in \(parent) cannot be made durable",
                advice: "look for messages of the disk in the system's log (dmesg)")
        }
        let milliseconds = Double(median.microseconds) / 1_000
        let message = "a write is durable after \(milliseconds) ms (fsync, median of \(times.count))"
        let details: JSONObject = ["fsync_ms": .number(milliseconds)]
        guard median > .milliseconds(20) else {
            return Diagnosis(name: "disk speed", status: .ok, message: message, details: details)
        }
        return Diagnosis(
            name: "disk speed", status: .warning, message: message,
            advice: "every commit waits so long; move the data to a local SSD", details: details)
    }

    // MARK: The machine

    private var clock: Diagnosis {
        let now = SystemWallClock().now
        guard now > Self.earliest else {
            return Diagnosis(
                name: "clock", status: .failed, message: "the machine believes that it is \(now)",
                advice: "set the clock and keep it right (chrony, systemd-timesyncd); tokens and schedules go by it")
        }
        return Diagnosis(name: "clock", status: .ok, message: "it is \(now)")
    }

    /// No server of this program ran before.
    private static let earliest = Timestamp(microseconds: 1_767_225_600_000_000)  // 2026

    private var openFiles: Diagnosis {
        var limit = rlimit()
        #if canImport(Glibc)
            let result = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            let result = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        guard result == 0 else {
            return Diagnosis(name: "open files", status: .skipped, message: "the system does not say how many")
        }
        let message = "\(limit.rlim_cur) files and sockets may be open at once"
        guard limit.rlim_cur < 4_096 else { return Diagnosis(name: "open files", status: .ok, message: message) }
        return Diagnosis(
            name: "open files", status: .warning, message: message,
            advice: "every connection is one; raise it (ulimit -n, LimitNOFILE= of systemd) to 65536")
    }

    private var address: Diagnosis {
        let (host, port) = (configuration[.host], configuration.number(.port))
        if let server {
            return Diagnosis(name: "address", status: .ok, message: "a server runs at \(server.address)")
        }
        guard let fault = ListenAddress(host: host, port: port).fault else {
            return Diagnosis(name: "address", status: .ok, message: "a server can listen on \(host):\(port)")
        }
        return Diagnosis(
            name: "address", status: .failed, message: fault, advice: "change API_HOST or API_PORT, or end who has it")
    }

    /// Scripts and programs of workflows need it; everything else works without.
    private var sandbox: Diagnosis {
        get async {
            do {
                let sandbox = BubblewrapSandbox(settings: try configuration.sandbox)
                try await sandbox.probe()
                await sandbox.close()
                return Diagnosis(name: "sandbox", status: .ok, message: "workflows can run scripts and programs")
            } catch {
                return Diagnosis(
                    name: "sandbox", status: .warning,
                    message: "workflows cannot run scripts or programs: "
                        + ((error as? any CodedError)?.message ?? "\(error)"),
                    advice: "install bubblewrap, and allow user namespaces; see Docs/Processes.md")
            }
        }
    }

    static func size(_ bytes: UInt64) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1_024, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        return "\((value * 10).rounded() / 10) \(units[unit])"
    }
}
