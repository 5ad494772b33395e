import Foundation

extension Child {
    /// What the program and its children that run now have taken of the processor, in seconds.
    ///
    /// From `/proc/ID/stat`, see proc_pid_stat(5): behind the name the twelfth and thirteenth field.
    func processorSecondsOfFamily() throws -> Double {
        let ticks = try family().reduce(0.0) { sum, id in
            let text = try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
            let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ").dropFirst()
            return sum + fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
        }
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident memory of the program and its children; what they share counts once (`Pss`).
    func residentBytesOfFamily() throws -> Int {
        try family().reduce(0) { sum, id in
            let text = try String(contentsOfFile: "/proc/\(id)/smaps_rollup", encoding: .utf8)
            let line = text.split(separator: "\n").first { $0.hasPrefix("Pss:") }
            return sum + (line.flatMap { Int($0.filter(\.isNumber)) } ?? 0) << 10
        }
    }

    private func family() throws -> [Int] {
        let children = try String(contentsOfFile: "/proc/\(id)/task/\(id)/children", encoding: .utf8)
        return [Int(id)] + children.split(separator: " ").compactMap { Int($0) }
    }
}
