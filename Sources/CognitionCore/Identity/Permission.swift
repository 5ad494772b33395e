/// One right inside a workspace; which role has which is said in one place, `Role.permissions`.
package enum Permission: String, Sendable, Hashable, CaseIterable {
    /// See definitions, executions and their events.
    case readWorkflows = "workflows:read"
    /// Store, archive and delete definitions.
    case writeWorkflows = "workflows:write"
    /// Start, cancel and delete executions.
    case execute = "workflows:execute"
    /// See the event log.
    case readEvents = "events:read"
    /// Write events of one's own to it.
    case appendEvents = "events:append"
    /// See jobs, schedules and queues.
    case readJobs = "jobs:read"
    /// Make, change, run and cancel them; what a job does may need more.
    case manageJobs = "jobs:manage"
    /// Search, and see indexes and documents.
    case readSearch = "search:read"
    /// Put documents into indexes and remove them.
    case writeSearch = "search:write"
    /// Make, change and delete indexes, see what is looked for, and find documents of all roles.
    case manageSearch = "search:manage"
    /// Set and delete secrets; nobody reads them.
    case manageSecrets = "secrets:manage"
    /// See the workspace and its members.
    case readWorkspace = "workspace:read"
    /// Rename the workspace, add and remove members, change their roles.
    case manageWorkspace = "workspace:manage"
    /// See who did what.
    case readAudit = "audit:read"
    /// See and change every user, and how the server is doing in detail.
    case operate = "server:operate"
}
