# SPDX-License-Identifier: MIT
if(NOT CPACK_GENERATOR STREQUAL "DEB")
  return()
endif()
# What Debian's policy asks of the files in a package: run by CPack on the staged files, which it knows by CPACK_* variables.
set(staged "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr/share")
file(MAKE_DIRECTORY "${staged}/doc/netlog")
# A changelog in Debian's format; what has changed for users is in the other one.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH if that is set
file(
  WRITE "${staged}/doc/netlog/changelog.Debian"
  "netlog (${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${date}\n"
)
file(GLOB pages "${staged}/man/man1/*.1")
execute_process(COMMAND gzip -9nf ${pages} "${staged}/doc/netlog/changelog" "${staged}/doc/netlog/changelog.Debian"
                COMMAND_ERROR_IS_FATAL ANY)
