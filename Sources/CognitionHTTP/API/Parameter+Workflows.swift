import CognitionCore
import CognitionWorkflows

/// Parameters of the path that several routes have.
enum Path {
    static let workflow = Parameter<WorkflowID>(
        "id", in: .path, .text(length: 1...127), "`namespace.name`, or `name` in the namespace `default`.",
        read: WorkflowID.init)
    static let version = Parameter.text(
        "version", in: .path, "A stored version, or `latest`, which is the highest.", bytesMax: 128)
    static let execution = Parameter<ExecutionID>(
        "id", in: .path, .uuid, "The execution's id.", read: ExecutionID.init)
}
