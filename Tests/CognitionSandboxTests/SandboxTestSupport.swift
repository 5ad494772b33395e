import CognitionCore
import CognitionSandbox
import Foundation

/// A sandbox with bounds that are reached quickly.
func sandbox(_ change: (inout SandboxSettings) -> Void = { _ in }) -> BubblewrapSandbox {
    var settings = SandboxSettings()
    settings.timeout = .seconds(30)
    settings.memoryBytesMax = 256 << 20
    change(&settings)
    return BubblewrapSandbox(settings: settings)
}

extension SandboxProgram {
    static func python(_ lines: String...) -> SandboxProgram {
        SandboxProgram(.python(code: lines.joined(separator: "\n")))
    }

    static func shell(_ command: String) -> SandboxProgram { SandboxProgram(.shell(command)) }
}

extension SandboxResult {
    var text: String { String(decoding: output, as: UTF8.self) }
    var errorText: String { String(decoding: errors, as: UTF8.self) }
}

/// The code that `body` fails with.
func failure(_ body: () async throws -> Void) async -> ErrorCode? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? SandboxError)?.code
    }
}

/// Processes of this machine whose command line holds a text, other than those that have ended and wait to be reaped.
func processes(with text: String) -> [String] {
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return numbers.filter { number in
        Int(number) != nil && Int(number) != Int(getpid())
            && FileManager.default.contents(atPath: "/proc/\(number)/cmdline")
                .map { String(decoding: $0, as: UTF8.self).contains(text) } ?? false
    }
}

/// Waits until no process's command line holds a text any more.
func areGone(_ text: String) async throws -> Bool {
    for _ in 0..<200 {
        if processes(with: text).isEmpty { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// Children of this process that have ended and were not reaped.
func zombies() -> [String] {
    let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return numbers.filter { number in
        guard Int(number) != nil, let data = FileManager.default.contents(atPath: "/proc/\(number)/stat") else {
            return false
        }
        let fields = String(decoding: data, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 1 && fields[0] == "Z" && Int(fields[1]) == Int(getpid())
    }
}
