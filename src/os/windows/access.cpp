// SPDX-License-Identifier: MIT
#include "os/windows/access.hpp"

namespace netlog::os {
namespace {

std::wstring with_reader(std::wstring sddl, std::wstring_view access, std::wstring_view reader) {
  if (!reader.empty()) {
    sddl.append(access).append(reader).append(L")");
  }
  return sddl;
}

}  // namespace

// learn.microsoft.com, Security Descriptor String Format: FA all, FR read, FX execute (a directory:
// look into it), OICI inherited by files and directories, OW owner, CO who creates it.
std::wstring private_file(std::wstring_view reader) {
  return with_reader(L"D:P(A;;FA;;;OW)(A;;FA;;;SY)(A;;FA;;;BA)", L"(A;;FR;;;", reader);
}

std::wstring private_directory(std::wstring_view reader) {
  return with_reader(L"D:P(A;OICI;FA;;;CO)(A;OICI;FA;;;OW)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)",
                     L"(A;OICI;FRFX;;;",
                     reader);
}

}  // namespace netlog::os
