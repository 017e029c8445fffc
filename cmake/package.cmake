# `cpack` in the build folder, or `make package`: a Debian package with the program, its unit and its configuration.
set(deploy ${CMAKE_SOURCE_DIR}/deploy)
install(TARGETS pgcourier RUNTIME DESTINATION /usr/bin)
install(FILES ${deploy}/pgcourier.service DESTINATION /lib/systemd/system)
install(FILES ${deploy}/pgcourier.env DESTINATION /etc/pgcourier PERMISSIONS OWNER_READ OWNER_WRITE)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/SECURITY.md DESTINATION /usr/share/doc/pgcourier)
install(FILES ${CMAKE_SOURCE_DIR}/bench/README.md DESTINATION /usr/share/doc/pgcourier/bench)
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs DESTINATION /usr/share/doc/pgcourier)
# The program writes its own manual pages and completions. Without a time in the archives: the same program, the same package.
install(CODE "
    set(made \"${CMAKE_BINARY_DIR}/reference\")
    file(REMOVE_RECURSE \"\${made}\")
    execute_process(COMMAND \"$<TARGET_FILE:pgcourier>\" man --all \"\${made}/man\" COMMAND_ERROR_IS_FATAL ANY)
    file(GLOB pages \"\${made}/man/*.1\")
    execute_process(COMMAND gzip -9n \${pages} COMMAND_ERROR_IS_FATAL ANY)
    foreach(shell bash zsh fish)
        execute_process(COMMAND \"$<TARGET_FILE:pgcourier>\" completion \${shell}
                        OUTPUT_FILE \"\${made}/pgcourier.\${shell}\" COMMAND_ERROR_IS_FATAL ANY)
    endforeach()")
set(reference ${CMAKE_BINARY_DIR}/reference)
install(DIRECTORY ${reference}/man/ DESTINATION /usr/share/man/man1)
install(FILES ${reference}/pgcourier.bash DESTINATION /usr/share/bash-completion/completions RENAME pgcourier)
install(FILES ${reference}/pgcourier.zsh DESTINATION /usr/share/zsh/vendor-completions RENAME _pgcourier)
install(FILES ${reference}/pgcourier.fish DESTINATION /usr/share/fish/vendor_completions.d)

set(CPACK_GENERATOR DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)  # the places above are absolute
# Whatever the umask of whoever builds it: nobody else could enter them.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_SOURCE_DIR}/cmake/package_version.cmake)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "WhatsApp messages between Twilio and PostgreSQL")
set(CPACK_PACKAGE_DESCRIPTION
    "Receives Twilio's webhooks, attributes each message to its shop, and sends what the shop writes into the table
messages_out: nothing lost, nothing sent twice, on one PostgreSQL.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The pgcourier engineers <pgcourier@localhost>")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql, postgresql-client")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${deploy}/debian/postinst;${deploy}/debian/prerm;${deploy}/debian/postrm;${deploy}/debian/conffiles")
include(CPack)
