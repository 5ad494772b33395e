import CognitionPostgresServer
import Foundation

extension PostgresServer {
    /// What the processes of the server that run now, and those that it has waited for, have taken of the processor since they began.
    var processorSeconds: Double {
        guard let text = try? String(contentsOfFile: folder + "/data/postmaster.pid", encoding: .utf8),
            let main = text.split(separator: "\n").first.flatMap({ Int($0) })
        else { return 0 }
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.compactMap { Int($0) }.compactMap { Self.ticks(of: $0, under: main) }.reduce(0, +)
            / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Fields of `/proc/ID/stat`, see proc_pid_stat(5): behind the name the third is the parent, the fourteenth and those behind it
    /// are the times.
    private static func ticks(of process: Int, under main: Int) -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let name = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[name...].split(separator: " ").dropFirst().map(String.init)
        guard fields.count > 14 else { return nil }
        if process == main { return fields[11...14].compactMap(Double.init).reduce(0, +) }
        return fields[1] == String(main) ? fields[11...12].compactMap(Double.init).reduce(0, +) : nil
    }
}
