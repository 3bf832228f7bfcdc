# What `cmake --install` leaves: the programs, and the client library as a
# package: find_package(quorate), target quorate::client.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

foreach(program quorate quorate-lincheck quorate-sim)
  if(TARGET ${program})
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

# The client and what it is linked with; no store and no protocol.
set_target_properties(quorate_client PROPERTIES EXPORT_NAME client)
install(TARGETS quorate_client quorate_sessions quorate_config quorate_net
                quorate_endpoint quorate_way quorate_wan quorate_base
                quorate_system quorate_codec
                quorate_schema quorate_wire quorate_options
  EXPORT quorate_targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})

# Headers are included as they are here ("replica/client/key_values.h"), from a
# folder of their own.
set(quorate_headers ${CMAKE_INSTALL_INCLUDEDIR}/quorate)
foreach(folder wire wire/net wire/wan replica/base replica/config replica/client)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.h)
  install(FILES ${headers} DESTINATION ${quorate_headers}/${folder})
endforeach()

set(quorate_package ${CMAKE_INSTALL_LIBDIR}/cmake/quorate)
install(EXPORT quorate_targets NAMESPACE quorate:: DESTINATION ${quorate_package})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/quorate-config.cmake.in
  ${PROJECT_BINARY_DIR}/quorate-config.cmake
  INSTALL_DESTINATION ${quorate_package})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/quorate-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/quorate-config.cmake
              ${PROJECT_BINARY_DIR}/quorate-config-version.cmake
  DESTINATION ${quorate_package})
