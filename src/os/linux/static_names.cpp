// SPDX-License-Identifier: MIT
// Only in a static binary (NETLOG_STATIC): names of users and groups are those of /etc/passwd and
// /etc/group, and names of servers those of /etc/hosts and DNS. Any other source is a shared
// library of the host's glibc (nsswitch.conf(5)), which need not fit the one that is linked in.
#include <nss.h>

namespace netlog::os {
namespace {

[[maybe_unused]] const bool kReadsFiles = __nss_configure_lookup("passwd", "files") == 0 &&
                                          __nss_configure_lookup("group", "files") == 0 &&
                                          __nss_configure_lookup("hosts", "files dns") == 0;

}  // namespace
}  // namespace netlog::os
