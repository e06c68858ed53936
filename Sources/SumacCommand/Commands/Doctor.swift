import ArgumentParser
import Operations

struct Doctor: ReportVerb {
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

  func operation() -> any Operation { DoctorOperation() }
}
