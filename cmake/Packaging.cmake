# SPDX-License-Identifier: MIT
# The Debian package and the RPM package (NETLOG_PACKAGE): tools/package builds them.
set(packaging "${PROJECT_SOURCE_DIR}/packaging")
# `cmake --install` installs nothing of this.
set(in_package COMPONENT package EXCLUDE_FROM_ALL)
install(FILES "${packaging}/netlog.toml" DESTINATION /etc/netlog ${in_package})
install(FILES "${packaging}/netlog.service" DESTINATION lib/systemd/system ${in_package})
install(FILES "${packaging}/sysusers.conf" RENAME netlog.conf DESTINATION lib/sysusers.d ${in_package})
install(FILES README.md SECURITY.md DESTINATION share/doc/netlog ${in_package})
install(FILES CHANGELOG.md RENAME changelog DESTINATION share/doc/netlog ${in_package})
install(DIRECTORY docs "${packaging}/grafana" DESTINATION share/doc/netlog ${in_package})
install(FILES LICENSE RENAME copyright DESTINATION share/doc/netlog ${in_package})
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};netlog;ALL;/" "${PROJECT_BINARY_DIR};netlog;package;/")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME netlog)
set(CPACK_PACKAGE_CONTACT "netlog maintainers <maintainers@netlog.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "flight recorder for connections")
set(CPACK_PACKAGE_DESCRIPTION
    "Records every TCP and UDP connection of a host, its states, its end and the
process that owns it, into one SQLite file. After an incident it answers what a
process talked to, who held a port, and what was open at a moment. It states
how much it has not seen.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cmake/FinishPackage.cmake")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${packaging}/debian/conffiles" "${packaging}/debian/postinst"
                                       "${packaging}/debian/prerm" "${packaging}/debian/postrm")

# The program in it is the static one: the shared libraries of other distributions are not Debian's.
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_RELEASE 1)
set(CPACK_RPM_PACKAGE_LICENSE MIT)
set(CPACK_RPM_PACKAGE_GROUP Applications/Internet)
set(CPACK_PACKAGE_RELOCATABLE OFF)
set(CPACK_RPM_PACKAGE_AUTOREQPROV OFF)
set(CPACK_RPM_PACKAGE_REQUIRES_POST systemd)
set(CPACK_RPM_PACKAGE_REQUIRES_PREUN systemd)
set(CPACK_RPM_USER_FILELIST "%config(noreplace) /etc/netlog/netlog.toml")
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE "${packaging}/rpm/post")
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE "${packaging}/rpm/preun")
set(CPACK_RPM_POST_UNINSTALL_SCRIPT_FILE "${packaging}/rpm/postun")
# They belong to the distribution.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /etc
    /usr/lib/systemd
    /usr/lib/systemd/system
    /usr/lib/sysusers.d
    /usr/share/bash-completion
    /usr/share/bash-completion/completions
    /usr/share/fish
    /usr/share/fish/vendor_completions.d
    /usr/share/man
    /usr/share/man/man1
    /usr/share/zsh
    /usr/share/zsh/site-functions)
include(CPack)
