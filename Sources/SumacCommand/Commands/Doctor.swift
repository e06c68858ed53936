import ArgumentParser
import Base
import Checkpoints
import Inspection

struct Doctor: ParsableCommand, HasGlobalOptions {
  static let configuration = CommandConfiguration(
    abstract: "Show versions, what the CPU can do, and how fast it is.",
    discussion: """
      Prints the versions of sumac and of the libraries in use, the CPU level that the kernels run at, \
      threads and memory, and a check of about a second that runs the main kernels.

      Example:
        sumac doctor
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  func run() throws {
    try report.check()
    try report.print(
      Diagnosis(
        version: Version.current, jobs: global.jobCount,
        memory: MemoryBudget(limit: global.memory.size.byteCount)))
  }
}
