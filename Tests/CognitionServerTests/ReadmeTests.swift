import Foundation
import Testing

/// The commands of the README, as a newcomer types them.
@Suite("README", .timeLimit(.minutes(5))) struct ReadmeTests {
    /// The `sh` blocks below a line `<!-- run -->`, without what builds.
    private static func blocks(of text: String) -> [String] {
        var blocks: [String] = []
        var block: [Substring]?
        var isMarked = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if block != nil {
                if line.hasPrefix("```") {
                    blocks.append((block ?? []).filter { !$0.hasPrefix("make") }.joined(separator: "\n"))
                    block = nil
                } else {
                    block?.append(line)
                }
            } else if line == "```sh", isMarked {
                block = []
                isMarked = false
            } else if line == "<!-- run -->" {
                isMarked = true
            } else if !line.isEmpty {
                isMarked = false
            }
        }
        return blocks
    }

    @Test("Every block that is marked to be run runs, one after the other")
    func blocks() async throws {
        let repository = Binary.repository()
        let blocks = Self.blocks(of: try String(contentsOfFile: repository + "/README.md", encoding: .utf8))
        #expect(!blocks.isEmpty)
        try await withSandbox { sandbox in
            try FileManager.default.copyItem(
                at: URL(fileURLWithPath: repository + "/Examples").resolvingSymlinksInPath(),
                to: URL(fileURLWithPath: sandbox.folder + "/Examples"))
            // Where a newcomer's builds put the program.
            for build in ["debug", "release"] {
                let folder = sandbox.folder + "/.build/" + build
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(
                    atPath: folder + "/cognitionos", withDestinationPath: try Binary.path())
            }
            for block in blocks {
                let ending = try await sandbox.start(
                    ["-euo", "pipefail", "-c", block], executable: "/bin/bash"
                ).ending()
                #expect(ending.exitCode == 0, "\(block)\n\(ending.output)\(ending.errors)")
            }
        }
    }
}
