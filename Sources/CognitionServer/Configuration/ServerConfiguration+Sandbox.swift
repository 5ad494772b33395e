import CognitionSandbox
import CognitionWorkflows
import Foundation

extension ServerConfiguration {
    var processRules: ProcessRules {
        ProcessRules(allowsShell: isOn(.allowShell), allowsNetwork: isOn(.sandboxNetwork))
    }

    /// - Throws: `CommandFailure` for folders that would show everything.
    var sandbox: SandboxSettings {
        get throws {
            var settings = SandboxSettings()
            settings.concurrency = number(.sandboxConcurrency)
            settings.timeout = duration(.sandboxTimeout)
            settings.processorTime = duration(.sandboxProcessorTime)
            settings.memoryBytesMax = number(.sandboxMemory)
            settings.processesMax = number(.sandboxProcesses)
            settings.outputBytesMax = number(.sandboxOutput)
            settings.fileBytesMax = number(.sandboxFiles)
            settings.folders = list(.sandboxFolders).map(absolute)
            for folder in settings.folders where ["/", "/proc", "/dev", "/tmp", "/sys"].contains(folder) {
                throw CommandFailure("\(folder) cannot be shown in the sandbox; name the folders in it that are meant")
            }
            // Wherever the data folder lies, its name and the one that it stands for are out of sight.
            settings.hiddenFolders = Array(
                Set([dataDirectory, URL(fileURLWithPath: dataDirectory).resolvingSymlinksInPath().path])
            ).sorted()
            return settings
        }
    }
}
