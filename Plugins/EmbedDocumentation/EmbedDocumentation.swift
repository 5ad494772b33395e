import Foundation
import PackagePlugin

/// Puts the pages of `Docs` into the program, so that they can be searched wherever it runs.
@main
struct EmbedDocumentation: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let folder = context.package.directoryURL.appendingPathComponent("Docs")
        let pages = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "md" }.sorted { $0.lastPathComponent < $1.lastPathComponent }
        let output = context.pluginWorkDirectoryURL.appendingPathComponent("EmbeddedPages.swift")
        return [
            .buildCommand(
                displayName: "Embedding Docs", executable: try context.tool(named: "DocumentEmbedder").url,
                arguments: [output.path] + pages.map(\.path), inputFiles: pages, outputFiles: [output])
        ]
    }
}
