import ArgumentParser
import Operations

struct Doctor: ReportVerb {
  static let configuration = CommandConfiguration(
    abstract: "Show versions, CPU features and kernel speed.",
    discussion: """
      Prints the versions of sumac and of the libraries it uses, the CPU level of the kernels, the number \
      of threads, the memory limit, and the results of a one-second test of the main kernels.

      Example:
        sumac doctor
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup(title: "Report") var report: ReportFlags

  func operation(_ invocation: Invocation) -> any Operation { DoctorOperation() }
}
