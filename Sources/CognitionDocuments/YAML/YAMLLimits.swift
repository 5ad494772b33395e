/// How large a YAML or JSON document may be.
package struct YAMLLimits: Sendable, Hashable {
    /// Bytes of the text.
    package var bytesMax: Int
    /// Sequences and mappings inside one another; at most 1,000, which libyaml never exceeds.
    package var depthMax: Int
    /// Values in the document, each counted as often as aliases repeat it.
    package var nodesMax: Int

    package init(bytesMax: Int = 8 << 20, depthMax: Int = 256, nodesMax: Int = 100_000) {
        self.bytesMax = bytesMax
        self.depthMax = depthMax
        self.nodesMax = nodesMax
    }

    /// 8 MiB, 256 levels, 100,000 values.
    package static let standard = YAMLLimits()
}
